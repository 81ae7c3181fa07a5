"""Everything about offline bundles: one file that carries all a site needs."""
