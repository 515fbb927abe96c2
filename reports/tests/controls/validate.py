"""What compliance-trestle has against OSCAL assessment results: for each file a line, empty where it has nothing."""

import pathlib
import sys

from trestle.common.err import TrestleError
import trestle.core.validator_factory  # First: the next import is of something that it makes.
from trestle.core.all_validator import AllValidator
from trestle.oscal.assessment_results import AssessmentResults

for name in sys.argv[1:]:
    path = pathlib.Path(name)
    validator = AllValidator()
    try:
        document = AssessmentResults.oscal_read(path)
        valid = validator.model_is_valid(document, True, path.parent)
        print("" if valid else validator.error_msg().replace("\n", " "))
    except TrestleError as error:
        print(str(error).replace("\n", " "))
