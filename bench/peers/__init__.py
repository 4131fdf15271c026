"""What `bench/peers.py` is made of: environments, models, contenders, the kernel, limits, the table."""
