"""A kind cluster on this machine: container engine, images, host tools, life-cycle."""
