"""Makes the scripts of model/ importable as they import each other."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
