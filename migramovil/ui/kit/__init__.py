"""The kit: every page is built from these widgets and from nothing else."""

from migramovil.ui.kit.buttons import Button, Check, ChoiceCard, KeyCap
from migramovil.ui.kit.dates import Reading, fold, read_date
from migramovil.ui.kit.drawings import Landscape, Mark, SlipView
from migramovil.ui.kit.fields import (
    Combo,
    DateField,
    Field,
    FieldState,
    Option,
    TextArea,
    TextField,
    options,
)
from migramovil.ui.kit.focus import FocusRing
from migramovil.ui.kit.hands import FINGER_NAMES, Finger, GuideHand, Hands
from migramovil.ui.kit.icons import Icon
from migramovil.ui.kit.layout import (
    Box,
    Card,
    Item,
    Panel,
    Part,
    Rule,
    Scroll,
    Well,
    clear,
    col,
    fixed,
    grid,
    refill,
    row,
)
from migramovil.ui.kit.mrz import MrzView, Spot
from migramovil.ui.kit.pictures import (
    Picture,
    Pixels,
    Place,
    Preview,
    corners_mark,
    guide_oval,
    image_of,
    minutiae_mark,
    qr_image,
    quad_mark,
)
from migramovil.ui.kit.plots import Bars, Limit, Line, Meter, Progress, Stack
from migramovil.ui.kit.segmented import Segment, Segmented
from migramovil.ui.kit.signature import LetterBoxes, SignaturePad
from migramovil.ui.kit.states import (
    Badge,
    Banner,
    Empty,
    Figure,
    Journey,
    Numbered,
    Pair,
    RadioCode,
    State,
    StateRow,
    sign,
)
from migramovil.ui.kit.table import Cell, Column, Rows, RowSource, Table
from migramovil.ui.kit.text import Text
from migramovil.ui.kit.trouble import TroubleBanner, TroubleCard

__all__ = [
    "FINGER_NAMES", "Badge", "Banner", "Bars", "Box", "Button", "Card", "Cell", "Check",
    "ChoiceCard", "Column", "Combo", "DateField", "Empty", "Field", "FieldState", "Figure",
    "Finger", "FocusRing", "GuideHand", "Hands", "Icon", "Item", "Journey", "KeyCap", "Landscape",
    "LetterBoxes", "Limit", "Line", "Mark", "Meter", "MrzView", "Numbered", "Option", "Pair",
    "Panel", "Part", "Picture", "Pixels", "Place", "Preview", "Progress", "RadioCode", "Reading",
    "RowSource", "Rows", "Rule", "Scroll", "Segment", "Segmented", "SignaturePad", "SlipView",
    "Spot", "Stack", "State", "StateRow", "Table", "Text", "TextArea", "TextField",
    "TroubleBanner", "TroubleCard", "Well", "clear", "col", "corners_mark", "fixed", "fold",
    "grid", "guide_oval", "image_of", "minutiae_mark", "options", "qr_image", "quad_mark",
    "read_date", "refill", "row", "sign",
]  # fmt: skip
