"""The tenant is no part of the platform's package: its source folder is put on the path for its own tests."""

import sys
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "gitops/apps/hub/src"
sys.path.insert(0, str(SOURCE))
