"""Grammar-drawn English sentences over the whole vocabulary, and short factual passages."""

from __future__ import annotations

from random import Random

from base_model import lexicon as lex
from base_model import numbers_text
from base_model.lexicon import Lexicon
from base_model.scenarios import tidy
from base_model.templates import capitalize_first, expand

_SENTENCES = (
    "{name} {past} the {adj} {noun}[| {adv}|| in the {noun}].",
    "[The|A] {noun} [was|is|seems|became|looks] [|very |quite |too |so ]{adj}.",
    "[I|You|We|They] {do_not} {verb} the {noun}[ because| when| before| after| if| until|, so| and] [he|she|it|everybody] {past} the {adj} {noun}.",
    "[She|He|{name}] {adv} {third} [her|his|the|a|some|every] {nouns}.",
    "[Do|Did|Can|Could|Will|Would|Should] [you|they|we] {verb} [the|this|that|my|your|our] {adj} {noun}?",
    "[What|Why|How|Where|When] [do|did|would|should] [you|we|they] {verb} [the|this|that] {noun}?",
    "There [is|was] [no|a lot of|not much|some|too much] {noun} [near|behind|under|over|inside|above|beside|around|across] the {adj} {noun}.",
    "[I|We|They|You] have [already|never|just|always|not] {part} [such|this kind of|that|any|the] {noun}.",
    "[He|She|{name}] is {ger} the {noun}[| {adv}| again| now| right now| at the moment].",
    "[Please|You must|You should|Let's|Don't|You'd better|We'd like to|I want you to|Try to] {verb} the {noun}[| {adv}| and {verb} the {noun}].",
    "It [is|was|isn't|wasn't|will be|would be] {adj} to {verb} {nouns}[| without {ger} {nouns}].",
    "[I think|I believe|I hope|I'm sure|I'm afraid|I guess|It seems|They say|Maybe|Of course|I suppose|I don't think|She said|He told me] [that |]the {noun} [will|can't|might|should|won't|could|may] {verb} {adv}.",
    "If [you|we|they] {verb} the {noun}, [I'll|he'll|she'll|we'll|it'll|they'll] {verb} the {adj} {noun}.",
    "The {nouns} [of|from|for|with|without|about] the {noun} [are|were|aren't|weren't|have been|had been] {part} [by|with|for] {nouns}.",
    "[Although|While|Since|As|Because|Whenever|Once|Unless|Though] the {noun} [is|was] {adj}, [nobody|everyone|someone|{name}] {past} it.",
    "{ger.cap} {nouns} is [more|less] {adj} than {ger} {nouns}.",
    "[You're|I'm|We're|They're|He's|She's] {adv} {adj}, [aren't you|right|I think|isn't it|don't you think]?",
    "[Oh|Well|Yes|No|Okay|Sure|Yeah|Right|Hey|Hmm|Wow|Actually|Anyway], [that's|it's|what] {a_adj} {noun}[.|!]",
)
_FRAMES = (
    (
        "{p} is {job} and lives in {city}. {p} has {animal} and likes {hobby}.",
        (
            ("What is {p}'s job?", "{job}"),
            ("Where does {p} live?", "in {city}"),
            ("What does {p} like?", "{hobby}"),
            ("Which animal does {p} have?", "{animal}"),
        ),
    ),
    (
        "In {year}, {p} moved to {city} to study {subject}. After {duration}, {p} found a job at {company}.",
        (
            ("When did {p} move?", "in {year}"),
            ("What did {p} study?", "{subject}"),
            ("Where did {p} find a job?", "at {company}"),
            ("Where did {p} move to?", "to {city}"),
        ),
    ),
    (
        "The {product} costs {price} and can be bought at {company}. {p} bought one on {day}.",
        (
            ("How much is the {product}?", "{price}"),
            ("Who bought a {product}?", "{p}"),
            ("Where can the {product} be bought?", "at {company}"),
        ),
    ),
    (
        "{p} ate {dish} at the {place} and drank {drink}. It cost {price}.",
        (
            ("What did {p} eat?", "{dish}"),
            ("What did {p} drink?", "{drink}"),
            ("Where did {p} eat?", "at the {place}"),
            ("How much did {p} pay?", "{price}"),
        ),
    ),
    (
        "On {day}, {p} has to {task}. The code for the door is {code}.",
        (
            ("What does {p} have to do?", "{task}"),
            ("What is the code for the door?", "{code}"),
            ("When does {p} have to {task}?", "on {day}"),
        ),
    ),
    (
        "{p} lost a {object} near the {place}. Call {phone} if you find it.",
        (
            ("What did {p} lose?", "a {object}"),
            ("Which number should you call?", "{phone}"),
            ("Where did {p} lose it?", "near the {place}"),
        ),
    ),
    (
        "{p} gave {q} {gift} for the {event}. {q} was {feeling}.",
        (
            ("What did {p} give {q}?", "{gift}"),
            ("How was {q}?", "{feeling}"),
            ("Who got {gift}?", "{q}"),
            ("Who gave {q} {gift}?", "{p}"),
        ),
    ),
    (
        "{p} could not come because {reason}. {q} waited for {duration} at the {place}.",
        (
            ("Why could {p} not come?", "because {reason}"),
            ("Who waited?", "{q}"),
            ("How long did {q} wait?", "for {duration}"),
        ),
    ),
)


def draw_sentence(rng: Random, lexicon: Lexicon) -> str:
    """Return one grammatical sentence of random words; it need not make sense."""

    def fill(slot: str) -> str:
        return _word(slot, rng, lexicon)

    return capitalize_first(expand(rng.choice(_SENTENCES), rng, fill))


def draw_passage(
    rng: Random, lexicon: Lexicon, frame_count: int
) -> tuple[str, list[tuple[str, str]]]:
    """Return a passage of ``frame_count`` facts and the questions it answers."""
    taken: set[str] = set()
    parts: list[str] = []
    questions: list[tuple[str, str]] = []
    for frame, asked in rng.sample(_FRAMES, min(frame_count, len(_FRAMES))):
        fillers = {"p": lexicon.person(rng, taken).name, "q": lexicon.person(rng, taken).name}

        def fill(slot: str, fillers: dict[str, str] = fillers) -> str:
            if slot not in fillers:
                drawn = numbers_text.draw(slot, rng)
                drawn = drawn if drawn is not None else rng.choice(lexicon.slots[slot])
                needs_article = slot in {"job", "animal"}
                fillers[slot] = lex.with_article(drawn) if needs_article else drawn
            return fillers[slot]

        parts.append(capitalize_first(tidy(expand(frame, rng, fill))))
        questions += [(tidy(expand(q, rng, fill)), tidy(expand(a, rng, fill))) for q, a in asked]
    return " ".join(parts), questions


def _word(slot: str, rng: Random, lexicon: Lexicon) -> str:
    """Return a word of the part of speech that ``slot`` names."""
    name, _, form = slot.partition(".")
    if name == "name":
        return lexicon.person(rng, set()).name
    if name == "do_not":
        return rng.choice(
            [
                "don't",
                "didn't",
                "can't",
                "won't",
                "shouldn't",
                "couldn't",
                "may",
                "must",
                "will",
                "would",
                "might",
                "used to",
                "have to",
                "want to",
            ]
        )
    noun, verb = rng.choice(lex.words("nouns")), rng.choice(lex.words("verbs"))
    forms = {
        "noun": noun,
        "nouns": lex.plural(noun),
        "verb": verb,
        "past": lex.past(verb),
        "part": lex.participle(verb),
        "third": lex.third_person(verb),
        "ger": lex.gerund(verb),
        "adj": rng.choice(lex.words("adjectives")),
        "adv": rng.choice(lex.words("adverbs")),
    }
    forms["a_adj"] = lex.with_article(forms["adj"])
    return capitalize_first(forms[name]) if form == "cap" else forms[name]
