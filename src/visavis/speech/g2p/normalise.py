"""From written text to the words a person would say when reading it aloud.

Each *written* word keeps the words it is *spoken* as, so that what was heard can be told in the
words of the text: ``$5`` is heard as "five dollars" and shown as ``$5``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from num2words import num2words

from visavis.speech.g2p.wordlist import listed, words

#: Punctuation that shapes the melody; what a voice is told after a word.
PAUSES = ",.!?;:—…"

UNITS: dict[str, tuple[str, str]] = {
    "mg": ("milligram", "milligrams"),
    "mcg": ("microgram", "micrograms"),
    "µg": ("microgram", "micrograms"),
    "μg": ("microgram", "micrograms"),
    "g": ("gram", "grams"),
    "kg": ("kilogram", "kilograms"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "cl": ("centiliter", "centiliters"),
    "dl": ("deciliter", "deciliters"),
    "l": ("liter", "liters"),
    "mm": ("millimeter", "millimeters"),
    "cm": ("centimeter", "centimeters"),
    "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"),
    "ft": ("foot", "feet"),
    "mi": ("mile", "miles"),
    "s": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "kb": ("kilobyte", "kilobytes"),
    "mb": ("megabyte", "megabytes"),
    "gb": ("gigabyte", "gigabytes"),
    "tb": ("terabyte", "terabytes"),
    "hz": ("hertz", "hertz"),
    "khz": ("kilohertz", "kilohertz"),
    "kw": ("kilowatt", "kilowatts"),
    "kwh": ("kilowatt hour", "kilowatt hours"),
    "w": ("watt", "watts"),
    "v": ("volt", "volts"),
    "mph": ("mile per hour", "miles per hour"),
    "bpm": ("beat per minute", "beats per minute"),
    "kcal": ("kilocalorie", "kilocalories"),
    "cal": ("calorie", "calories"),
    "mmhg": ("millimeter of mercury", "millimeters of mercury"),
    "iu": ("international unit", "international units"),
    "°c": ("degree Celsius", "degrees Celsius"),
    "ºc": ("degree Celsius", "degrees Celsius"),
    "°f": ("degree Fahrenheit", "degrees Fahrenheit"),
    "ºf": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "º": ("degree", "degrees"),
    "%": ("percent", "percent"),
    "‰": ("per thousand", "per thousand"),
    "x": ("times", "times"),
    "×": ("times", "times"),
    "'": ("foot", "feet"),
    '"': ("inch", "inches"),
}
CURRENCY: dict[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
MAGNITUDES = ("hundred", "thousand", "million", "billion", "trillion")
#: Said in full; the dot belongs to the word.
ABBREVIATIONS: dict[str, str] = {
    "dr.": "doctor",
    "mr.": "mister",
    "mrs.": "missus",
    "ms.": "miz",
    "prof.": "professor",
    "st.": "saint",
    "jr.": "junior",
    "sr.": "senior",
    "rev.": "reverend",
    "gen.": "general",
    "sgt.": "sergeant",
    "capt.": "captain",
    "lt.": "lieutenant",
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "et cetera",
    "vs.": "versus",
    "approx.": "approximately",
    "appt.": "appointment",
    "dept.": "department",
    "est.": "estimated",
    "fig.": "figure",
    "inc.": "incorporated",
    "ltd.": "limited",
    "max.": "maximum",
    "min.": "minimum",
    "no.": "number",
    "tel.": "telephone",
    "ext.": "extension",
    "ave.": "avenue",
    "blvd.": "boulevard",
    "a.m.": "a m",
    "p.m.": "p m",
    "jan.": "january",
    "feb.": "february",
    "apr.": "april",
    "aug.": "august",
    "sept.": "september",
    "sep.": "september",
    "oct.": "october",
    "nov.": "november",
    "dec.": "december",
    "mon.": "monday",
    "tue.": "tuesday",
    "wed.": "wednesday",
    "thu.": "thursday",
    "fri.": "friday",
}
#: The same without a dot, where nothing else could be meant.
_BARE = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "missus",
    "vs": "versus",
    "etc": "et cetera",
    "eg": "for example",
    "ie": "that is",
    "approx": "approximately",
    "w/": "with",
    "w/o": "without",
}
#: Abbreviations that a following capital does not turn into the end of a sentence.
TITLES = frozenset({"dr.", "mr.", "mrs.", "ms.", "prof.", "st.", "rev.", "gen.", "sgt.", "capt."})
_DOTTED_IF_FOLLOWED = frozenset({"no.", "fig.", "min.", "max.", "st.", "est.", "ext."})
_MONTHS = listed(
    "january february march april may june july august september october november december"
)
_YEAR_BEFORE = frozenset({*_MONTHS, "in", "since", "year", "until", "by", "from", "of", "before"})
_FRACTIONS = {
    "1/2": "one half",
    "1/3": "one third",
    "2/3": "two thirds",
    "1/4": "one quarter",
    "3/4": "three quarters",
    "1/8": "one eighth",
}
_SYMBOLS = {
    "&": "and",
    "+": "plus",
    "=": "equals",
    "@": "at",
    "<": "less than",
    ">": "greater than",
    "≤": "at most",
    "≥": "at least",
    "≈": "about",
    "~": "about",
    "±": "plus or minus",
    "×": "times",
    "÷": "divided by",
    "→": "to",
    "#": "number",
    "§": "section",
    "%": "percent",
    "°": "degrees",
    "©": "copyright",
    "™": "trademark",
}

_URL = re.compile(r"^(?:https?://)?(?:www\.)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?::\d+)?(/\S*)?$", re.I)
_EMAIL = re.compile(r"^([a-z0-9._%+-]+)@((?:[a-z0-9-]+\.)+[a-z]{2,})$", re.I)
_TLD = words("com org net edu gov io ai dev app health info co uk de eu us ca au me")
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_QUANTITY = re.compile(rf"^([-−+~≈<>≤≥±]?)({_NUMBER})(.*)$", re.S)
_RANGE = re.compile(rf"^({_NUMBER})[-–—]({_NUMBER})(\D*)$")
_TIME = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(am|pm|a\.m\.?|p\.m\.?)?$", re.I)
_HOUR = re.compile(r"^(?:1[0-2]|0?[1-9])(?::[0-5]\d)?$")
_CLOCK = re.compile(r"^(1[0-2]|[1-9])(am|pm)$", re.I)
_PHONE = re.compile(r"^\+?\(?\d{1,4}\)?(?:[-.]?\(?\d{2,4}\)?)*[-.]\d{3,4}$")
_ISO_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})$")
_ORDINAL = re.compile(r"^(\d{1,6})(?:st|nd|rd|th)$", re.I)
_DECADE = re.compile(r"^'?(\d{2}|\d{4})s$")
_MONEY = re.compile(rf"^([$€£¥₹])({_NUMBER})([kmb]|bn)?$", re.I)
_INITIALS = re.compile(r"^(?:[A-Za-z]\.){2,}[A-Za-z]?\.?$")
_ALNUM = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*|[^\w\s]")

_MD_IMAGE_OR_LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\s]|\([^()\s]*\))*\)")
_MD_LEAD = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]*|[-*+•][ \t]+|```.*$)", re.M)
_MD_MARK = re.compile(r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}|`+|~~|(?<!\w)_{1,2}(?=\w)|(?<=\w)_{1,2}(?!\w)")
_TAG = re.compile(r"</?[a-z][^<>\n]{0,80}>", re.I)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "«": '"', "»": '"'})


@dataclass(frozen=True, slots=True)
class ReadWord:
    """One written word and how it is read.

    Attributes:
        text: As written, with its punctuation; never empty, no white space inside.
        spoken: The words said, e.g. ``("thirty-eight", "point", "five")``: letters, ``'`` and
            inner ``-`` only; empty for a dash between words.
        pause: The mark of :data:`PAUSES` that follows, or ``""``.
    """

    text: str
    spoken: tuple[str, ...]
    pause: str


def read_aloud(text: str) -> list[ReadWord]:
    """Read text: numbers, units, times, money, abbreviations, addresses and symbols become words.

    Markdown, tags, emoji and scripts an English voice cannot read are left out. Any text is
    accepted; nothing to say gives an empty list.
    """
    written = _strip_markup(text).split()
    out: list[ReadWord] = []
    i = 0
    while i < len(written):
        before = written[i - 1] if i else ""
        after = written[i + 1] if i + 1 < len(written) else ""
        word = _read_word(written[i], before, after)
        if word is not None and (word.spoken or out):
            out.append(word)
        i += 1
    while out and not out[-1].spoken:
        out.pop()
    return _after_money(out)


def _strip_markup(text: str) -> str:
    text = _MD_IMAGE_OR_LINK.sub(r"\1", text)
    text = _MD_LEAD.sub("", text)
    text = _TAG.sub(" ", text)
    text = _MD_MARK.sub("", text)
    # What is neither letter, digit, mark nor a symbol we can say is a picture: leave it out.
    return "".join(c if _speakable(c) else " " if _separates(c) else "" for c in text)


def _separates(c: str) -> bool:
    return unicodedata.category(c) not in ("Mn", "Me", "Cf", "Sk")


@lru_cache(maxsize=4096)
def _speakable(c: str) -> bool:
    if c.isspace() or ("!" <= c <= "~") or c in _SYMBOLS or c in "°ºµ‰−–—…‘’“”«»ʼ":
        return True
    if c in CURRENCY:
        return True
    category = unicodedata.category(c)
    return category in ("Ll", "Lu", "Lt", "Lm", "Lo", "Nd", "No", "Mn")


def _read_word(written: str, before: str, after: str) -> ReadWord | None:
    plain = _to_ascii(written)
    core, pause = _trim(plain, after)
    if not core:
        if plain and all(c in "-–—" for c in plain):
            return ReadWord(written, (), "—")
        return None
    spoken = _say(core, _to_ascii(before), _to_ascii(after))
    letters = re.sub(r"[^A-Za-z'\x00\s-]", "", spoken)
    words = tuple(w.strip("-") for w in letters.split() if w.strip("'-"))
    if not words:
        return None
    return ReadWord(written, words, pause)


def _to_ascii(word: str) -> str:
    """Plain letters and digits for what has them: ``é`` is e, ``５`` is 5, ``½`` is 1/2."""
    word = word.translate(_QUOTES)
    out: list[str] = []
    for c in word:
        if c.isascii() or c in _SYMBOLS or c in "ºµμ‰−–—…" or c in CURRENCY:
            out.append(c)
        elif unicodedata.category(c) == "Nd":
            out.append(str(unicodedata.decimal(c)))
        else:
            folded = unicodedata.normalize("NFKD", c).replace("\u2044", "/")
            kept = "".join(_LATIN.get(f, f) for f in folded)
            kept = "".join(f for f in kept if f.isascii() and not f.isspace())
            if "/" in kept and out and out[-1].isdigit():
                kept = " " + kept  # 2½ is two and a half, not 21/2
            out.append(kept)
    return "".join(out)


_LATIN = {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "ł": "l", "Ł": "L"}


def _trim(word: str, after: str) -> tuple[str, str]:
    """A word without surrounding punctuation, and the pause that follows it."""
    area_code = re.match(r"\(\d{3}\)", word)
    word = area_code[0][1:4] if area_code and area_code[0] == word else word
    word = word.lstrip("\"'([{*_`|\\;:,!?^")
    tail = len(word)
    while tail and word[tail - 1] in "\"')]}*_`|\\,!?;:…—–^/-":
        tail -= 1
    if re.fullmatch(r"\d+(?:\.\d+)?['\"]", word[: tail + 1]):  # 6' and 12" are lengths
        tail += 1
    core, rest = word[:tail], word[tail:]
    if core.endswith("."):
        lowered = core.lower()
        stripped = core.rstrip(".")
        is_abbreviation = lowered in ABBREVIATIONS or _INITIALS.match(core) is not None
        if lowered in _DOTTED_IF_FOLLOWED and not _abbreviates(lowered, after):
            is_abbreviation = False
        single_initial = len(stripped) == 1 and stripped.isupper() and after[:1].isupper()
        if is_abbreviation or (single_initial and stripped != "I"):
            ends = not after or (after[:1].isupper() and lowered not in TITLES and len(core) > 2)
            if lowered in ("etc.", "a.m.", "p.m.") or not after:
                rest = ("." if ends else "") + rest
        else:
            rest = "." * (len(core) - len(stripped)) + rest
            core = stripped
    if "..." in rest or "…" in rest:
        return core, "…"
    for mark in "?!.;:,—":
        if mark in rest:
            return core, mark
    return core, "—" if rest.endswith("–") else ""


def _abbreviates(lowered: str, after: str) -> bool:
    if lowered in ("no.", "fig.", "ext."):
        return after[:1].isdigit()
    if lowered == "st.":
        return after[:1].isupper()
    return bool(after) and (after[0].isdigit() or after[0].islower())


def _say(core: str, before: str, after: str) -> str:
    lowered = core.lower()
    if lowered in ABBREVIATIONS:
        return ABBREVIATIONS[lowered]
    if lowered in _BARE:
        return _BARE[lowered]
    if lowered in ("am", "pm") and _HOUR.match(before):
        return f"{lowered[0]} m"
    if core in _SYMBOLS:
        return _SYMBOLS[core]
    if _INITIALS.match(core):
        return " ".join(c for c in core if c.isalpha())
    if m := _EMAIL.match(core):
        return f"{_say_address(m[1])} at {_say_address(m[2])}"
    if (m := _URL.match(core)) and (
        lowered.startswith(("http", "www")) or m[1].rsplit(".", 1)[1].lower() in _TLD
    ):
        return _say_address(m[1] + (m[2] or "").rstrip("/"))
    if any(c.isdigit() for c in core):
        return _say_with_digits(core, before, after)
    if lowered in UNITS and _QUANTITY.match(before) and lowered not in ("x", "'", '"'):
        one = re.fullmatch(r"\D?1", before) is not None
        return UNITS[lowered][0 if one else 1]
    if "/" in core:
        return _say_slashed(core, before)
    return _say_plain(core)


def _say_with_digits(core: str, before: str, after: str) -> str:
    lowered = core.lower()
    if core in _FRACTIONS:
        return _FRACTIONS[core]
    if core == "24/7":
        return "twenty-four seven"
    if re.fullmatch(r"\+?\(?\d{1,4}\)?", core) and _dials(core, before, after):
        return ("plus " if core[0] == "+" else "") + _digits(core)
    if m := re.fullmatch(r"(\d+) (\d/\d)", core):
        half = _FRACTIONS.get(m[2], _say_pieces(m[2])).replace("one ", "a ", 1)
        return f"{_cardinal(m[1])} and {half}"
    if m := _MONEY.match(core):
        return _say_money(m[1], m[2], (m[3] or "").lower(), after)
    if m := _TIME.match(core):
        return _say_time(m[1], m[2], m[3], m[4], after)
    if m := _CLOCK.match(core):
        return f"{_cardinal(m[1])} {m[2][0]} m"
    if m := _ISO_DATE.match(core):
        return _say_date(m[1], m[2], m[3])
    if m := _ORDINAL.match(core):
        return str(num2words(int(m[1]), to="ordinal"))
    if _is_phone(core):
        groups = re.findall(r"\d+", core)
        return ("plus " if core[0] == "+" else "") + " ".join(map(_digits, groups))
    if m := _DECADE.match(core):
        return _plural(_year(m[1]) if len(m[1]) == 4 else _cardinal(m[1]))
    if m := _RANGE.match(core):
        unit = _unit(m[3], plural=True)
        if unit is not None:
            return f"{_number(m[1])} to {_number(m[2])} {unit}"
    if m := re.fullmatch(r"(\d{2,3})/(\d{2,3})", core):
        return f"{_number(m[1])} over {_number(m[2])}"
    if m := re.fullmatch(r"#(\d+)", core):
        return f"number {_number(m[1])}"
    if re.fullmatch(r"1[1-9]\d\d|20\d\d", core) and before.lower().strip(".,") in _YEAR_BEFORE:
        return _year(core)
    if re.fullmatch(r"(?:1[5-9]|20)\d\d", core) and re.fullmatch(r"\d{1,2},", before):
        return _year(core)  # May 3, 2024
    if m := _QUANTITY.match(core):
        unit = _unit(m[3], plural=m[2] != "1")
        if unit is not None:
            sign = {"": "", "-": "minus ", "−": "minus ", "+": "plus "}.get(
                m[1], _SYMBOLS.get(m[1], "") + " "
            )
            day = re.fullmatch(r"\d{1,2}", m[2]) and before.lower().strip(".") in _MONTHS[:12]
            if day and not m[3] and not m[1] and before != "may" and 1 <= int(m[2]) <= 31:
                return str(num2words(int(m[2]), to="ordinal"))
            return f"{sign}{_number(m[2])} {unit}"
    if "/" in lowered:
        return _say_slashed(core, before)
    return _say_pieces(core)


def _dials(core: str, before: str, after: str) -> bool:
    """Whether a group of digits belongs to a telephone number written with spaces."""
    follows = re.fullmatch(r"\(?\d{3}\)?[-.]?", after) or _is_phone(after.rstrip(".,;:!?"))
    if core.startswith("+"):
        return bool(follows)
    area = re.fullmatch(r"\(?\d{3}\)?", core) is not None
    return area and (_is_phone(after.rstrip(".,;:!?")) or before.startswith("+"))


def _is_phone(core: str) -> bool:
    digits = sum(c.isdigit() for c in core)
    if core.startswith("+"):
        return 7 <= digits <= 15 and re.fullmatch(r"\+[\d().-]+", core) is not None
    return 7 <= digits <= 15 and _PHONE.match(core) is not None and not _ISO_DATE.match(core)


def _unit(suffix: str, *, plural: bool) -> str | None:
    """The unit a number is written with; ``""`` for none, None when it is not a unit."""
    suffix = suffix.strip().lower()
    if not suffix or suffix == "-":
        return ""
    if suffix in UNITS:
        return UNITS[suffix][plural]
    if "/" in suffix:
        top, _, bottom = suffix.partition("/")
        if top in UNITS and bottom in UNITS:
            return f"{UNITS[top][plural]} per {UNITS[bottom][0]}"
    if m := re.fullmatch(r"-([a-z]+(?:-[a-z]+)*)", suffix):  # 3-day, 5-ml
        return UNITS[m[1]][0] if m[1] in UNITS else m[1]
    return None


def _number(digits: str) -> str:
    """A written number as a quantity: ``38.5``, ``1,200``, ``.5``."""
    digits = digits.replace(",", "")
    whole, _, fraction = digits.partition(".")
    words = _cardinal(whole or "0")
    return f"{words} point {_digits(fraction)}" if fraction else words


def _cardinal(digits: str) -> str:
    if len(digits) > 15 or (len(digits) > 1 and digits[0] == "0"):
        return _digits(digits)
    return str(num2words(int(digits))).replace(",", "").replace(" and ", " ")


def _digits(digits: str) -> str:
    return " ".join(_DIGIT_WORDS[int(d)] for d in digits if d.isdigit())


_DIGIT_WORDS = listed("zero one two three four five six seven eight nine")


def _year(digits: str) -> str:
    n = int(digits)
    if n % 1000 < 10 or not 1100 <= n <= 2099:
        return _cardinal(str(n))
    high, low = divmod(n, 100)
    if low == 0:
        return f"{_cardinal(str(high))} hundred"
    return f"{_cardinal(str(high))} {'oh ' if low < 10 else ''}{_cardinal(str(low))}"


def _plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _say_time(hour: str, minute: str, second: str | None, half: str | None, after: str) -> str:
    follows = re.match(r"[ap]\.?m\b", after, re.I) is not None
    words = [_cardinal(str(int(hour)))]
    if minute != "00":
        words.append(("oh " if minute[0] == "0" else "") + _cardinal(str(int(minute))))
    elif not (half or follows or second):
        words.append("o'clock" if 1 <= int(hour) <= 12 else "hundred hours")
    if second and second != "00":
        words.append(f"and {_cardinal(str(int(second)))} seconds")
    if half:
        words.append(f"{half[0].lower()} m")
    return " ".join(words)


def _say_date(year: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return " ".join(map(_digits, (year, month, day)))
    ordinal = num2words(int(day), to="ordinal")
    return f"{_MONTHS[int(month) - 1]} {ordinal} {_year(year)}"


def _say_money(sign: str, amount: str, magnitude: str, after: str) -> str:
    one, many, cent, cents = CURRENCY[sign]
    scale = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}.get(magnitude, "")
    if not scale and after.lower().strip(".,;:!?") in MAGNITUDES:
        return f"{_number(amount)}\x00{many}"  # the unit moves behind the magnitude
    whole, _, fraction = amount.replace(",", "").partition(".")
    if scale or (fraction and len(fraction) != 2) or not cent:
        return f"{_number(amount)} {scale} {many}"
    words = []
    if int(whole or 0) or not int(fraction or 0):
        words.append(f"{_cardinal(whole or '0')} {one if whole == '1' else many}")
    if int(fraction or 0):
        words.append(f"{_cardinal(str(int(fraction)))} {cent if int(fraction) == 1 else cents}")
    return " and ".join(words)


def _after_money(words: list[ReadWord]) -> list[ReadWord]:
    """``$5 million`` is "five million dollars": the unit is said after the magnitude."""
    out: list[ReadWord] = []
    moved: str | None = None
    for word in words:
        spoken = list(word.spoken)
        if moved:
            spoken, moved = [*spoken, moved], None
        if spoken and "\x00" in spoken[-1]:
            spoken[-1], _, moved = spoken[-1].partition("\x00")
        out.append(ReadWord(word.text, tuple(spoken), word.pause))
    if moved:
        out[-1] = ReadWord(out[-1].text, (*out[-1].spoken, moved), out[-1].pause)
    return out


def _say_address(address: str) -> str:
    names = {".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", "+": "plus"}
    words = []
    for piece in re.findall(r"\d+|[A-Za-z]+|[./_@+-]", address):
        words.append(names.get(piece) or (_digits(piece) if piece.isdigit() else piece.lower()))
    return " ".join(words)


def _say_slashed(core: str, before: str) -> str:
    unit = _unit(core, plural=True)
    if unit is not None and any(c.isdigit() for c in before):
        return unit
    joiner = " or " if core.lower() not in ("and/or",) else " "
    pieces = [p for p in core.split("/") if p]
    if any(c.isdigit() for c in core):
        return " slash ".join(_say(p, "", "") for p in pieces)
    return joiner.join(_say(p, "", "") for p in pieces)


def _say_pieces(core: str) -> str:
    """Letters and numbers written together: ``COVID-19``, ``B12``, ``10x``."""
    words = []
    for piece in _ALNUM.findall(core):
        if piece[0].isdigit():
            words.append(_number(piece))
        elif piece[0].isalpha():
            words.append(_say_plain(piece))
        elif piece in _SYMBOLS:
            words.append(_SYMBOLS[piece])
    return " ".join(words)


def _say_plain(core: str) -> str:
    words = []
    for piece in _ALNUM.findall(core.replace("_", " ")):
        if piece[0].isalpha():
            words.append(piece)
        elif piece in _SYMBOLS:
            words.append(_SYMBOLS[piece])
    # A hyphen joins: the lexicon may know the compound.
    if re.fullmatch(r"[A-Za-z']+(?:-[A-Za-z']+)+", core):
        return core
    return " ".join(words)
