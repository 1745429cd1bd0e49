#!/bin/sh
# Install the version of Ratecard that the workflow names.
# shellcheck source=examples/ci/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

need RATECARD_INSTALL "what pip shall install, such as 'ratecard==0.1.0' or 'ratecard @ git+https://HOST/PATH@COMMIT'"
python3 -m pip install --quiet --disable-pip-version-check "$RATECARD_INSTALL"
