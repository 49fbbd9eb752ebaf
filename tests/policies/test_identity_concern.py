"""Identity concerns: the page's key words, what comes out of them, and that no reply goes out with a wrong name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies import identity_concern as policy
from policies.identity_concern import (
    NUMBERS,
    Hold,
    MergeField,
    Nameless,
    Reply,
    Topic,
    Wish,
    key_word,
    reply_for,
    why_held,
)
from policies.identity_concern_numbers import IdentityConcernNumbers
from policies.messages import CATALOGUES, MessageError
from policies.numbers import NumbersError, load
from policies.reply_names import is_confirmed, merge_fields
from policies.words import plain

MESSAGES = CATALOGUES["identity_concern"]
WORDS = NUMBERS.placeholder_words
PHRASES = [phrase for rule in NUMBERS.key_words if not rule.together_with for phrase in rule.phrases]

# -- key words


@pytest.mark.parametrize(
    "text",
    [
        "Queer",
        "Genderqueer",
        "Deadname",
        "you keep Deadnaming me",
        "Transgender",
        "LGBTQ+",
        "LGBTQ+ ally",
        "Non-binary",
        "Discrimination because of my gender",
        "discrimination based on identity",
        "Non-cis gender",
        "I don't identify with that",
        "I don’t identify as that",
    ],
)
def test_the_words_of_the_page(text: str) -> None:
    """Each key word and phrase of the page is found, in a text and as a subject."""
    assert key_word("Hello", f"Hi,\n{text} - thank you") is not None
    assert key_word(text.upper(), "") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "My sitter was late",
        "discrimination",
        "discrimination by age",
        "gender",
        "a transgenderist",
        "queerly",
        "I identify the sitter",
        "cis",
    ],
)
def test_other_words(text: str) -> None:
    """Parts of words, and discrimination of another kind, are none."""
    assert key_word(text) is None


def test_both_halves_may_stand_apart() -> None:
    """What must be there together may be in the subject and in the text."""
    assert key_word("Discrimination", "because of my gender") == key_word("discrimination by gender")


@given(st.text(), st.sampled_from(PHRASES), st.text())
def test_only_an_id_comes_out(before: str, phrase: str, after: str) -> None:
    """The rule that matched is named by an id, and nothing of the text is in it."""
    assert key_word(f"{before} . {phrase} . {after}") in {one.id for one in NUMBERS.key_words}


def test_the_ids_say_nothing() -> None:
    """No id holds a word of the list: an id is kept, and what it stands for is personal."""
    words = {word for rule in NUMBERS.key_words for phrase in rule.phrases for word in plain(phrase).split()}
    assert not [(rule.id, word) for rule in NUMBERS.key_words for word in words if len(word) > 1 and word in rule.id]
    assert not [topic for topic in Topic if key_word(topic.value)]


# -- which reply


@pytest.mark.parametrize("topic", Topic)
def test_what_was_changed_counts_first(topic: Topic) -> None:
    """A change is answered by its own template after a look at the account; else the topic says which one."""
    assert reply_for(topic, Wish(name=True)).reply is Reply.NAME_CHANGED
    assert reply_for(topic, Wish(gender=True)).reply is Reply.GENDER_CHANGED
    assert reply_for(topic, Wish(name=True, gender=True)).reply is Reply.BOTH_CHANGED
    assert reply_for(topic, Wish(name=True)).look_at_account
    plain_reply = reply_for(topic, Wish())
    assert not plain_reply.look_at_account
    assert plain_reply.reply not in (Reply.NAME_CHANGED, Reply.GENDER_CHANGED, Reply.BOTH_CHANGED)


def test_every_template_is_approved_and_takes_the_name() -> None:
    """Each approved reply has its message, whose only variable is the name; all else that members get has no name."""
    customer = {name for name, template in MESSAGES.items() if template.audience == "customer"}
    assert customer == {reply.value for reply in Reply} | {one.value for one in Nameless}
    assert all(MESSAGES[reply].variables == {"name": "name"} for reply in Reply)
    assert all("name" not in MESSAGES[one].variables.values() for one in Nameless)


@pytest.mark.parametrize("reply", Reply)
def test_a_finished_template_can_be_sent(reply: Reply) -> None:
    """Rendered with the confirmed name, nothing holds an approved reply back; no merge field can be the name."""
    body = MESSAGES.render(reply.value, name="Ruth").body
    assert why_held(body, shown="Ruth", confirmed="Ruth", others=("Robert Miller",)) == ()
    assert body.startswith("Hello Ruth,\n")
    for field in ("{!Contact.FirstName}", "{{name}}", "[Name]", "%%name%%"):
        with pytest.raises(MessageError):
            MESSAGES.render(reply.value, name=field)


# -- merge fields


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("Hello {!Contact.FirstName},", [MergeField.SALESFORCE]),
        ("Hello { !Contact.Name}", [MergeField.SALESFORCE]),
        ("Hello {!", [MergeField.SALESFORCE]),
        ("Hello ｛！Contact.Name｝", [MergeField.SALESFORCE]),
        ("Hello {\u200b!Contact.Name}", [MergeField.SALESFORCE]),
        ("Hello &#123;!Contact.Name&#125;", [MergeField.SALESFORCE]),
        ("Hello {{Recipient.FirstName}}", [MergeField.BRACES]),
        ("Hello {{{Recipient.FirstName}}}", [MergeField.BRACES]),
        ("Hello FirstName}}", [MergeField.BRACES]),
        ("Hello ${first}", [MergeField.DOLLAR]),
        ("Hello %%FirstName%%", [MergeField.PERCENT]),
        ("Hello <<anything>>", [MergeField.ANGLES]),
        ("{% if name %}", [MergeField.BLOCK]),
        ("Hello [Name],", [MergeField.PLACEHOLDER]),
        ("Hello [MEMBER NAME],", [MergeField.PLACEHOLDER]),
        ("Hello [first_name]", [MergeField.PLACEHOLDER]),
        ("Hello [Contact.FirstName]", [MergeField.PLACEHOLDER]),
        ("Hello [their pronouns]", [MergeField.PLACEHOLDER]),
        ("Hello <your first name>", [MergeField.PLACEHOLDER]),
        ("Hello &lt;name&gt;", [MergeField.PLACEHOLDER]),
        ("Hello «Name»", [MergeField.PLACEHOLDER]),
        ("Hello {name}", [MergeField.PLACEHOLDER]),
        ("Hello {!Contact.Name} and [Name]", [MergeField.SALESFORCE, MergeField.PLACEHOLDER]),
        ("Hello Ruth, see [1] and (your name)", []),
        ("<p>Hello Ruth,</p> <br/><span class='name'>we</span>", []),
        ("Write to <ruth@member.example>", []),
        ("> > earlier\n>> words", []),
        ("It is 100 % done! {really}", []),
        ("« Bonjour Ruth »", []),
        ("Hello Ruth,\nyour name is changed.", []),
    ],
)
def test_the_forms_of_merge_fields(text: str, forms: list[MergeField]) -> None:
    """Each form is found, whole or half, hidden or escaped; addresses, tags and footnotes are none."""
    assert list(merge_fields(text, WORDS)) == forms


@given(st.text(), st.sampled_from(["{!Contact.FirstName}", "{{Contact.Name}}", "[Name]", "%%First%%"]), st.text())
def test_no_text_hides_a_merge_field(before: str, field: str, after: str) -> None:
    """Whatever stands around it, a reply with a merge field is held back."""
    assert Hold.MERGE_FIELD in why_held(f"{before} {field} {after}", shown="Ruth", confirmed="Ruth")


# -- the name


@pytest.mark.parametrize(
    ("shown", "confirmed", "same"),
    [
        ("Ruth", "Ruth", True),
        ("Ruth ", " Ruth", True),
        ("Zoë", "Zoe\u0308", True),
        ("Zoë", "Zoe", False),
        ("Ruth", "ruth", False),
        ("Ruth", "Robert", False),
        ("Ruth", "Ruth M", False),
        ("Ruth", "", False),
        ("", "", False),
        ("O’Neil", "O'Neil", False),
    ],
)
def test_the_name_that_was_shown(shown: str, confirmed: str, same: bool) -> None:
    """A confirmation is for exactly the name that was shown."""
    assert is_confirmed(shown, confirmed) is same


@pytest.mark.parametrize(
    ("reply", "shown", "confirmed", "others", "holds"),
    [
        ("Hello Ruth,", "Ruth", "Ruth", (), []),
        ("Hello Ruth,", "Ruth", None, (), [Hold.NAME_NOT_CONFIRMED]),
        ("Hello Ruth,", "Ruth", "Robert", (), [Hold.NAME_CONFIRMED_DIFFERS]),
        ("Hello,", "Ruth", "Ruth", (), [Hold.NAME_NOT_IN_REPLY]),
        ("Hello Ruthless,", "Ruth", "Ruth", (), [Hold.NAME_NOT_IN_REPLY]),
        ("Hello ruth,", "Ruth", "Ruth", (), [Hold.NAME_NOT_IN_REPLY]),
        ("<p>Hello Zo&euml; O&#39;Neil,</p>", "Zoë O’Neil", "Zoë O’Neil", (), []),
        ("<p>Hello Ruth, Zo&euml;</p>", "Ruth", "Ruth", ("Zoë",), [Hold.OTHER_NAME_IN_REPLY]),
        ("Hello Robert,", "Ruth", "Ruth", ("Robert",), [Hold.NAME_NOT_IN_REPLY, Hold.OTHER_NAME_IN_REPLY]),
        ("Hello Ruth, Robert", "Ruth", "Ruth", ("Robert Miller",), [Hold.OTHER_NAME_IN_REPLY]),
        ("Hello Ruth, ROBERT", "Ruth", "Ruth", ("robert",), [Hold.OTHER_NAME_IN_REPLY]),
        ("Hello Ruth Miller,", "Ruth Miller", "Ruth Miller", ("Robert Miller",), []),
        ("Hello Ruth, dear Miller", "Ruth", "Ruth", ("Miller-Lee",), [Hold.OTHER_NAME_IN_REPLY]),
        ("Hello Ruth-Lee,", "Ruth-Lee", "Ruth-Lee", ("Robert Lee",), []),
        ("Hello Ruth, we will write", "Ruth", "Ruth", ("Will",), []),
        ("Hello Ruth. A word", "Ruth", "Ruth", ("A Miller",), []),
        ("Hello Ruth, {!Contact.Name}", "Ruth", None, (), [Hold.MERGE_FIELD, Hold.NAME_NOT_CONFIRMED]),
        ("Hello ,", "", "", (), [Hold.NAME_CONFIRMED_DIFFERS, Hold.NAME_NOT_IN_REPLY]),
    ],
)
def test_why_a_reply_is_held(
    reply: str, shown: str, confirmed: str | None, others: tuple[str, ...], holds: list[Hold]
) -> None:
    """The member's own name is in it, no other of theirs is, and a person has confirmed the one that was shown."""
    assert list(why_held(reply, shown=shown, confirmed=confirmed, others=others)) == holds


@given(st.text(), st.text(min_size=1), st.none() | st.text())
def test_nothing_is_sent_unconfirmed(reply: str, shown: str, confirmed: str | None) -> None:
    """Whatever the reply is, without a confirmation of the name that was shown it is held."""
    assume(confirmed is None or not is_confirmed(shown, confirmed))
    held = why_held(reply, shown=shown, confirmed=confirmed)
    assert {Hold.NAME_NOT_CONFIRMED, Hold.NAME_CONFIRMED_DIFFERS} & set(held)


# -- the numbers


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('id = "k2"', 'id = "k1"', "an id of its own"),
        ('id = "k1"', 'id = "queer"', "key_words.0.id"),
        ('phrases = ["queer", "queers"]', "phrases = []", "key_words.0.phrases"),
        ('phrases = ["queer", "queers"]', 'phrases = ["\u00ad"]', "at least one visible character"),
        ("safety_escalation_working_days = 3", "safety_escalation_working_days = 1", "must come after the one before"),
        ("member_reminder_days = [3, 7]", "member_reminder_days = [3, 14]", "must come after the one before"),
        ("agent_escalation_working_days = 2", "agent_escalation_working_days = 1", "must come after the one before"),
        ("member_wait_days = 14", "", "member_wait_days: is missing"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("identity_concern.toml").read_text()
    assert old in text
    path = tmp_path / "identity_concern.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(NumbersError) as caught:
        load(IdentityConcernNumbers, path)
    assert problem in str(caught.value)
