"""People with known truth, as three sources have them: honest records, and every trap that we know of.

Left out is what nobody could tell, whatever the rules:

- records without any name that hold nothing but what others hold too;
- a stranger with the same first name and somebody's old phone, or with their mailbox by a typing mistake;
- people of one household or firm with the same first name, or the same initial where a record has no more;
- a brother and a sister of nearly the same name, or father and son, with a phone and a mailbox in common, or
  with nothing but one of these;
- two of one household with the last name first, as one who took another last name has.

Two such cases are kept and counted apart: fathers and sons whose records never say which of the two they are
(`Town.beyond`), and who has another's mailbox and phone, both, as somebody who took another name has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import Any, Final

from gateway.model.contact import Contact
from gateway.model.source import Source
from gateway.upstreams.people import plain
from tests.support.contacts import address, contact, held
from tests.support.names import ALIKE, COMPANIES, FIRST, FORMS, HANDLES, LAST, NICKNAMES

# Of people.
FAMILY: Final = 0.10
FAMILY_MAILBOX: Final = 0.35  # of families
OTHER_LAST_NAME: Final = 0.15  # of members of families
NO_KEY_OF_ITS_OWN: Final = 0.25  # of members of families
ALIKE_NAMES: Final = 0.06  # of families
FATHER_AND_SON: Final = 0.06  # of families
NEVER_SAID: Final = 0.3  # of fathers and sons: which of the two it is
EMPLOYED: Final = 0.55
RECYCLED: Final = 0.02
SUCCESSOR: Final = 0.01
ASSISTANT: Final = 0.005
RENAMED: Final = 0.01
NAMESAKE: Final = 0.01
SUFFIX: Final = 0.005
MIDDLE: Final = 0.15
# Of records.
TYPO: Final = 0.05
NICKNAME: Final = 0.10
SWAPPED: Final = 0.02
UPPER: Final = 0.05
LOWER: Final = 0.04
BARE: Final = 0.3  # without the accents
TITLE: Final = 0.02
ROLE: Final = 0.05
PLACEHOLDER: Final = 0.02
DUPLICATE: Final = 0.04  # of people in a source
FIRST_ONLY: Final = {Source.SAMESPACE: 0.02, Source.PACKAGEX: 0.02, Source.SMART_SENDER: 0.15}
HANDLE: Final = {Source.SAMESPACE: 0.0, Source.PACKAGEX: 0.0, Source.SMART_SENDER: 0.01}
NAMELESS: Final = 0.01

ROLES: Final = ("info", "sales", "office", "support", "contact", "billing", "hello", "kontakt", "front.desk")
NO_PHONE: Final = (
    "000-000-0000", "0000000000", "1111111111", "555-555-5555", "123-456-7890", "9999999999", "+10000000000",
    "1231231234", "n/a", "none", "-", "+49 111 1111111", "0123456789", "9876543210",
)  # fmt: skip
NO_EMAIL: Final = (
    "noemail@noemail.com", "test@test.com", "none@none.com", "n/a", "na@na.com", "no@email.com", "a@a.com",
    "unknown@unknown.com", "no-reply@example.com", "xxx@xxx.com", "asdf@asdf.com", "noone@nowhere.com",
    "noemail@gmail.com", "no@no.com", "abc@abc.com", "123@123.com", "notprovided@mail.com",
)  # fmt: skip
REGIONS: Final = ("US",) * 7 + ("GB",) * 2 + ("DE",) * 2
CODES: Final = ("+1", "+44", "+49")
AREAS: Final = "202 503 617 512 303 312 206 404 212 415 305 702 615 919 801 816 504 412 313 216".split()
FREE_MAIL: Final = (
    "gmail.com yahoo.com outlook.com hotmail.com gmx.de web.de icloud.com btinternet.com".split()
)
SPELLED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
CITIES: Final = "Portland Boston Austin Denver Chicago London Leeds Bristol Berlin Hamburg Köln".split()


@dataclass(slots=True, eq=False)
class Home:
    """A household."""

    landline: str | None
    mailbox: str | None
    head: int


@dataclass(slots=True, eq=False)
class Firm:
    """An employer."""

    name: str
    domain: str
    switchboard: str
    staff: list[Any] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Human:
    """Somebody, and whatever they can be reached by."""

    number: int
    region: str
    first: str
    middle: str
    last: str
    private: str | None
    mobile: str | None
    city: str
    suffix: str = ""
    always: bool = False  # says the suffix
    before: str = ""  # an earlier last name
    work: str | None = None
    old: str | None = None  # an earlier phone, which is somebody else's by now
    home: Home | None = None
    firm: Firm | None = None
    alike: bool = False  # to a brother or a sister
    lent: bool = False  # somebody else has its phone or mailbox, too
    traps: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Record:
    """A contact, whose it is, and what makes it hard."""

    contact: Contact
    who: int
    traps: frozenset[str]


@dataclass(frozen=True, slots=True)
class Town:
    """Records of known people. `beyond`: pairs of people whom nobody could tell apart."""

    records: Sequence[Record]
    beyond: frozenset[frozenset[int]]


def town(seed: int, people: int, errors: float = 1.0) -> Town:
    """Some thousand people and their records; all of it follows from the seed.

    `errors`: how much more often than usual records are mistyped, cut short, or made up.
    """
    return _Builder(Random(seed), people, errors).town()


class _Builder:
    def __init__(self, dice: Random, people: int, errors: float) -> None:
        self._dice = dice
        self._errors = errors
        self._taken: set[str] = set()
        self._beyond: set[frozenset[int]] = set()
        self._people = [self._human(number) for number in range(people)]

    def town(self) -> Town:
        self._employ()
        self._found_families()
        for human in self._people:
            self._befall(human)
        records: list[Record] = []
        for human in self._people:
            for source in self._sources():
                for _ in range(1 + (self._dice.random() < DUPLICATE)):
                    writer = _Writer(self._dice, human, source, self._errors, self._taken)
                    records.append(writer.record(len(records)))
        self._dice.shuffle(records)
        return Town(records, frozenset(self._beyond))

    # ---- people

    def _human(self, number: int) -> Human:
        dice = self._dice
        first, last = _common(dice, FIRST), _common(dice, LAST)
        human = Human(
            number=number,
            region=dice.choice(REGIONS),
            first=first,
            middle=_common(dice, FIRST) if dice.random() < MIDDLE else "",
            last=last,
            private=None,
            mobile=None,
            city=dice.choice(CITIES),
        )
        if dice.random() < 0.9:
            human.private = self._mailbox(human, dice.choice(FREE_MAIL))
        if dice.random() < 0.9:
            human.mobile = self._phone(human.region)
        if dice.random() < SUFFIX:
            human.suffix = dice.choice(("Jr.", "III", "Sr", "Junior"))
            human.traps.add("suffix")
        return human

    def _employ(self) -> None:
        """Puts people into firms of a few to many."""
        staff = [human for human in self._people if self._dice.random() < EMPLOYED]
        while staff:
            size = self._dice.choice((1, 2, 2, 3, 3, 4, 5, 8, 20))
            team, staff = staff[:size], staff[size:]
            firm = self._firm(team[0].region)
            for human in team:
                if any(_clash(human, other) for other in firm.staff):
                    continue  # nobody could tell two of one first name at one phone
                firm.staff.append(human)
                human.firm = firm
                if self._dice.random() < 0.8:
                    human.work = self._mailbox(human, firm.domain)

    def _firm(self, region: str) -> Firm:
        name = f"{self._dice.choice(COMPANIES)} {self._dice.choice(('Ltd', 'Inc', 'GmbH', 'Group', 'Co'))}"
        domain = self._fresh(lambda turn: f"{bare(name.split(maxsplit=1)[0])}{turn or ''}.com")
        return Firm(name, domain, self._phone(region))

    def _found_families(self) -> None:
        free = [human for human in self._people if self._dice.random() < FAMILY]
        while len(free) > 1:
            size = self._dice.choice((2, 2, 3, 4))
            members, free = free[:size], free[size:]
            if not any(_clash(*pair) for pair in combinations(members, 2)):
                self._found_family(members)

    def _found_family(self, members: Sequence[Human]) -> None:
        dice, head = self._dice, members[0]
        home = Home(self._phone(head.region), None, head.number)
        if dice.random() < FAMILY_MAILBOX:
            home.mailbox = self._family_mailbox(members)
        kind = dice.random()
        for member in members:
            member.lent = member.lent or member.private == home.mailbox
            member.home, member.region, member.city = home, head.region, head.city
            member.traps.add("family")
            if member is not head and dice.random() >= OTHER_LAST_NAME:
                member.last = head.last
            if kind > ALIKE_NAMES + FATHER_AND_SON and dice.random() < NO_KEY_OF_ITS_OWN:
                member.private = member.mobile = None
                member.traps.add("no key of its own")
        if kind < ALIKE_NAMES + FATHER_AND_SON and home.mailbox:
            home.landline = None
        if kind < ALIKE_NAMES:
            members[0].first, members[1].first = dice.sample(dice.choice(ALIKE).split(), 2)
            members[1].last = head.last
            for member in members[:2]:
                member.alike, member.firm = True, None
                member.mobile = member.mobile or self._phone(member.region)
                member.traps.add("alike names")
            for other in members[2:]:
                other.home = None
        elif kind < ALIKE_NAMES + FATHER_AND_SON:
            self._make_father_and_son(members[0], members[1])

    def _family_mailbox(self, members: Sequence[Human]) -> str | None:
        """A mailbox of all, or that of one of them, which the others give as theirs."""
        dice, last = self._dice, bare(members[0].last)
        both = f"{bare(members[0].first)}and{bare(members[1].first)}"
        local = dice.choice(
            (f"family.{last}", f"the{last}s", f"{last}s", f"{last}.{bare(members[0].first)[0]}", both)
        )
        if dice.random() < 0.5 and members[0].private:
            return members[0].private
        return self._fresh(lambda turn: f"{local}{turn or ''}@{dice.choice(FREE_MAIL)}")

    def _make_father_and_son(self, father: Human, son: Human) -> None:
        son.first, son.last, son.middle = father.first, father.last, father.middle
        father.suffix, son.suffix = self._dice.choice(
            (("", "Jr."), ("Sr.", "Jr"), ("", "Junior"), ("II", "III"))
        )
        father.always = son.always = True
        for each in (father, son):
            each.alike, each.firm = True, None
            each.mobile = each.mobile or self._phone(each.region)
            each.traps.add("father and son")
        if self._dice.random() < NEVER_SAID:
            father.suffix = son.suffix = ""
            self._beyond.add(frozenset({father.number, son.number}))

    def _befall(self, human: Human) -> None:
        """What happens to people, each rarely."""
        dice, other = self._dice, self._dice.choice(self._people)
        if dice.random() < RECYCLED and not _clash(human, other) and other.home is not human.home:
            self._recycle(human, other)
        if dice.random() < SUCCESSOR:
            self._share_mailbox(human, "successor")
        if dice.random() < ASSISTANT:
            self._share_mailbox(human, "assistant")
        if dice.random() < RENAMED:
            human.before = _common(dice, LAST)
            human.traps.add("renamed")
        if dice.random() < NAMESAKE and not human.firm and not human.home and not human.traps:
            human.first, human.last = other.first, other.last
            human.traps.add("namesake")

    def _recycle(self, human: Human, stranger: Human) -> None:
        """Gives a phone to somebody else; the records of the one before still have it."""
        if not human.mobile or human.old or not stranger.mobile:
            return
        human.old, human.mobile, stranger.mobile = human.mobile, self._phone(human.region), human.mobile
        stranger.region = human.region
        for each in (human, stranger):
            each.lent = True
            each.traps.add("recycled phone")

    def _share_mailbox(self, human: Human, trap: str) -> None:
        """Gives a mailbox at work to a colleague as well."""
        others = [each for each in human.firm.staff if each is not human] if human.firm else []
        if not others or not human.work:
            return
        mate = self._dice.choice(others)
        mate.work = human.work
        for each in (human, mate):
            each.lent = True
            each.traps.add(trap)

    # ---- what is nobody else's

    def _mailbox(self, human: Human, domain: str) -> str:
        first, last = bare(human.first), bare(human.last)
        local = self._dice.choice(
            (f"{first}.{last}", f"{first[0]}{last}", f"{first}{last[0]}", f"{last}.{first}")
        )
        return self._fresh(lambda turn: f"{local}{self._dice.randrange(1, 99) if turn else ''}@{domain}")

    def _phone(self, region: str) -> str:
        dice = self._dice
        if region == "US":
            return self._fresh(
                lambda _: f"+1{dice.choice(AREAS)}{dice.randrange(2, 10)}{dice.randrange(10**6):06}"
            )
        if region == "GB":
            return self._fresh(lambda _: f"+447{dice.randrange(4, 10)}{dice.randrange(10**8):08}")
        return self._fresh(lambda _: f"+4915{dice.randrange(1, 10)}{dice.randrange(10**8):08}")

    def _fresh(self, made: Any) -> str:
        turn = 0
        while (text := made(turn)) in self._taken:
            turn += 1
        self._taken.add(text)
        return str(text)

    def _sources(self) -> list[Source]:
        return self._dice.sample(list(Source), self._dice.choices((1, 2, 3), (45, 35, 20))[0])


class _Writer:
    """One record of somebody, in the hand of whoever made it."""

    def __init__(self, dice: Random, human: Human, source: Source, errors: float, taken: set[str]) -> None:
        self._dice, self._human, self._source = dice, human, source
        self._errors, self._taken = errors, taken
        self._traps = set(human.traps)
        self._unnamed = False
        self._shared = False  # has the mailbox of the household

    def record(self, number: int) -> Record:
        human, dice, source = self._human, self._dice, self._source
        names = self._names()
        emails, phones = self._emails(), self._phones()
        if not names["displayName"]:
            names["displayName"] = next(iter(emails + phones), None)
        place = dice.random() < 0.3 and source is Source.PACKAGEX
        said = dice.random() < 0.3 and source is not Source.PACKAGEX
        made = contact(
            source,
            f"{number}",
            **names,
            emails=emails,
            phones=phones,
            company=human.firm.name if human.firm and dice.random() < 0.5 else None,
            address=address(city=human.city, countryCode=human.region) if place else None,
            _properties=[held(source, "country", human.region)] if said else [],
        )
        return Record(made, human.number, frozenset(self._traps))

    def _errs(self, chance: float, trap: str) -> bool:
        return self._is(chance * self._errors, trap)

    def _is(self, chance: float, trap: str = "") -> bool:
        found = self._dice.random() < chance
        if found and trap:
            self._traps.add(trap)
        return found

    # ---- names

    def _names(self) -> dict[str, str | None]:
        human, source = self._human, self._source
        if self._errs(NAMELESS, "nameless"):
            self._unnamed = True
            return _name(None, None)
        first, last = self._first(), self._last()
        if self._errs(HANDLE[source], "handle"):
            self._unnamed = True
            own = (bare(first + last), bare(f"{first[0]}{last}"), bare(f"{first}{last[0]}"))
            return _name(self._dice.choice(own if self._is(0.5) else HANDLES), None)
        if not human.always and self._errs(FIRST_ONLY[source], "first name only"):
            return _name(first, None)
        first += self._middle()
        if human.firm and not human.always and self._errs(0.01, "company as name"):
            self._unnamed = True
            return _name(human.firm.name, None)
        if human.suffix and (human.always or self._is(0.5)):
            last = f"{last} {human.suffix}"
        elif self._errs(0.015, "initial only"):
            last = f"{last[0]}."
        elif not human.home and self._errs(0.005, "initial only"):
            first = f"{first[0]}."
        if self._is(TITLE):
            first = f"{self._dice.choice(('Dr.', 'Mr', 'Ms', 'Prof.'))} {first}"
        first, last = self._cased(first), self._cased(last)
        if (not human.home or human.home.head == human.number) and self._errs(SWAPPED, "swapped names"):
            first, last = last, first
            if source is Source.PACKAGEX and self._is(0.5):
                first = f"{first},"
        return _name(first, last)

    def _first(self) -> str:
        first = self._human.first
        if first in NICKNAMES and not self._human.alike and self._errs(NICKNAME, "nickname"):
            first, *others = NICKNAMES[first].split()
            first = self._dice.choice(others) if others and self._is(0.3) else first
        return _mistyped(self._dice, first) if self._errs(TYPO / 2, "typo") else first

    def _middle(self) -> str:
        middle = self._human.middle
        if not middle or not self._is(0.5, "middle name"):
            return ""
        return f" {middle}" if self._is(0.5) else f" {middle[0]}."

    def _last(self) -> str:
        human = self._human
        last = human.before if human.before and self._is(0.5) else human.last
        if self._errs(TYPO / 2, "typo"):
            last = _mistyped(self._dice, last)
        return last

    def _cased(self, text: str) -> str:
        chance = self._dice.random()
        if chance < BARE:
            text = text.translate(SPELLED) if chance < BARE / 10 else plain(text)
        if self._is(UPPER, "case"):
            return text.upper()
        return text.lower() if self._is(LOWER, "case") else text

    # ---- keys

    def _emails(self) -> list[str]:
        human, dice = self._human, self._dice
        if self._errs(PLACEHOLDER, "placeholder"):
            return [dice.choice(NO_EMAIL)]
        if human.firm and not self._unnamed and self._is(ROLE / EMPLOYED, "role mailbox"):
            return [f"{dice.choice(ROLES)}@{human.firm.domain}"]
        shared = human.home.mailbox if human.home else None
        chances = {human.private: 5, human.work: 4, shared: 4}
        if self._unnamed:
            chances = {} if human.lent else {human.private: 5, human.work: 4}
        found = self._some(chances, 0.15, 0.15)
        self._shared = shared in found
        return [self._mail(text) for text in found]

    def _mail(self, text: str) -> str:
        if self._errs(0.01, "typo in e-mail"):
            local, _, domain = text.partition("@")
            wrong = f"{_mistyped(self._dice, local)}@{domain}"
            return text if wrong in self._taken else wrong
        return self._dice.choice((text, text, text, text.upper(), text.title(), f" {text}", f"{text} "))

    def _phones(self) -> list[str]:
        human, dice = self._human, self._dice
        if human.alike and self._shared and human.mobile:
            return [human.mobile]  # else it could be the other one with a typing mistake
        if self._errs(PLACEHOLDER, "placeholder"):
            return [dice.choice(NO_PHONE)]
        landline = human.home.landline if human.home else None
        board = human.firm.switchboard if human.firm else None
        chances = {human.mobile: 6, human.old: 5, landline: 4, board: 2}
        if self._unnamed:
            chances = {} if human.lent else {human.mobile: 1}
        return [self._dialled(text) for text in self._some(chances, 0.2, 0.15)]

    def _some(self, chances: dict[str | None, int], nothing: float, two: float) -> list[str]:
        """One of what somebody has, sometimes two or none."""
        texts = [text for text in chances if text]
        if not texts or self._is(nothing):
            return []
        several = self._source is not Source.PACKAGEX and self._is(two)
        found = self._dice.choices(texts, [chances[text] for text in texts], k=1 + several)
        return list(dict.fromkeys(found))

    def _dialled(self, number: str) -> str:
        """A phone as it is written; without a country code only those know it who know the country."""
        dice = self._dice
        if self._errs(0.01, "typo in phone"):
            number = number[:-1] + str(dice.randrange(10))
        code = next(code for code in CODES if number.startswith(code))
        digits = number.removeprefix(code)
        area, middle, rest = digits[:3], digits[3:6], digits[6:]
        forms = [
            number,
            number,
            number[1:],
            f"{code} {area} {middle} {rest}",
            f"{code}-{area}-{middle}-{rest}",
        ]
        if code != "+1":
            return dice.choice((*forms, f"0{digits}", f"0{area} {middle} {rest}"))
        if self._errs(0.01, "without area code"):
            return f"{middle}-{rest}"
        forms += [f"({area}) {middle}-{rest}", digits, f"{area}.{middle}.{rest}", f"1-{area}-{middle}-{rest}"]
        return dice.choice(forms) + (f" ext. {dice.randrange(10, 99)}" if self._is(0.03) else "")


def bare(text: str) -> str:
    """Small letters of ASCII only, as in mailboxes."""
    return "".join(sign for sign in plain(text).lower() if sign.isascii() and sign.isalnum()) or "x"


def _clash(one: Human, other: Human) -> bool:
    """Whether two people can be called by the same first name."""
    return bool(_called(one) & _called(other))


def _called(human: Human) -> set[str]:
    forms = NICKNAMES.get(human.first, "").split() + FORMS.get(human.first, "").split()
    return {bare(name) for name in (human.first, *forms)}


def _common(dice: Random, words: Sequence[str]) -> str:
    """One of some words, those in front more often."""
    return words[min(int(dice.expovariate(3.0) * len(words)), len(words) - 1)]


def _name(first: str | None, last: str | None) -> dict[str, str | None]:
    whole = " ".join(part for part in (first, last) if part) or None
    return {"firstName": first, "lastName": last, "displayName": whole}


def _mistyped(dice: Random, word: str) -> str:
    """A word with one letter wrong, left out, doubled, or two in each other's place."""
    at = dice.randrange(len(word)) or dice.randrange(len(word))  # first letters are seldom wrong
    kind = dice.randrange(4)
    if kind == 0 and len(word) > 2:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[: at + 1] + word[at:]
    if kind == 2 and at + 1 < len(word):
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + dice.choice("aeionrstlm") + word[at + 1 :]
