"""The tests. Random ones have a count and no deadline: none fails because a machine is slow."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "composa",
    deadline=None,
    max_examples=2000 if os.environ.get("COMPOSA_PROVE") else 60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("composa")
