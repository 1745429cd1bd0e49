"""`ratecard doctor`: is everything in order here? Each module looks at one thing and yields what it finds.

`finding` says what a check is, `checkup` runs all of them; none changes anything, and none shows a secret.
"""

from sync.doctor.checkup import Checkup, Place, examine
from sync.doctor.finding import Check

__all__ = ["Check", "Checkup", "Place", "examine"]
