"""A small result of each analysis that the page's tests show: arrays of a few elements, names that mean harm.

Each module has ``result(...)``, whose arguments are what a test wants to be otherwise. What a document, a figure or a
verdict says of it is for the analysis' own code to say.
"""

CLASSES = ("dog", "cat & co", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "قطة \u202eevil", "猫 🐱")
FILE = 'dog/"><img src=x onerror=alert(1)>.jpg'
VALIDATION, TRAINING = 1234, 3600  # images
RIGHT = 1079  # of the validation images
CROP = 88  # pixels
DATA = "scenes & <more>"  # name of the data set
