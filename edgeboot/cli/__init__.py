"""Click: parse, call one function, render."""
