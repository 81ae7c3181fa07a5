"""From ``bundle.yml`` to a bundle: spec, lock, resolution, building."""
