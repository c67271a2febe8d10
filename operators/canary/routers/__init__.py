"""What each gateway can do, how its routes are written, and how an applied weight is confirmed."""
