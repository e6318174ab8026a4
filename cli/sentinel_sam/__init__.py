"""`sentinel-sam`: the functions of Sentinel for SAM, from a terminal."""
