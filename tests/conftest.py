"""What holds for all tests."""

from hypothesis import settings

settings.register_profile("calm", deadline=None)  # tests assert no times: a busy machine is no failure
settings.load_profile("calm")
