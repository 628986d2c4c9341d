"""Sets to begin with: a prompt, a pool's shape and a judge for a kind of work, to be filled with a team's own models.

Judges decide criterion by criterion, with a quoted passage, so each criterion says what can be seen in an answer. Their
instructions have them work out the matter first, and take neither length nor agreement for merit.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.engine.settings import Criterion
from fusion_site.pools.models import Mode


@dataclass(frozen=True)
class Role:
    """One place in the pool: what it is called, what a merge prefers it for, and what it is told."""

    label: str
    aspect: str
    system: str


@dataclass(frozen=True)
class StarterSet:
    """One set. `about` says in a sentence what it is for; `mode` and the switches are those of its preset."""

    slug: str
    name: str
    about: str
    mode: Mode
    template: str
    roles: tuple[Role, ...]
    criteria: tuple[Criterion, ...]
    instructions: str
    do_no_harm: bool = False
    guided: bool = False


_CODE_REVIEW = StarterSet(
    slug="code-review",
    name="Code review",
    about="Three readers of one change: what is wrong, what is unsafe, what will be hard to change later.",
    mode=Mode.MERGE,
    do_no_harm=True,
    template="""\
Review this change as the engineer who has to approve it or send it back.

What it is meant to do: {{purpose}}
What must not break: {{constraints}}

{{prompt}}

Report only what you can point at. For each finding give the file and line or the function, the input or order of events \
on which it goes wrong, what happens then, and the smallest change that mends it. Mark each as: blocks, should be fixed, or \
optional. What blocks comes first. Where you would have to see more code to be sure, say what. If nothing blocks, say that; \
do not look for something to fill the list.

End with one line: APPROVE or SEND BACK, and the reason.""",
    roles=(
        Role(
            "Correctness",
            "correctness",
            "You look for what does the wrong thing: edge cases, error paths, concurrency, off-by-one, wrong units, "
            "broken callers. Follow the data by hand for at least one ordinary and one hostile input before you judge.",
        ),
        Role(
            "Security",
            "security",
            "You look for what can be abused or lost: missing checks of who may do this, injection, secrets in logs, "
            "unbounded work, unsafe migrations, data that cannot be had back. Name who would do it and how.",
        ),
        Role(
            "Upkeep",
            "upkeep",
            "You look for what will be hard to understand or change: names that mislead, two sources of one fact, missing "
            "or empty tests, code that is no longer needed. Leave out matters of taste.",
        ),
    ),
    criteria=(
        Criterion(
            "Real",
            "Every finding names a place in the change, and what it says happens there does happen.",
            3,
        ),
        Criterion("Complete", "Names each defect that would stop an approval.", 3),
        Criterion("No false alarm", "Calls nothing a defect that the change already handles.", 2),
        Criterion(
            "Mendable", "Says for each finding that blocks what to change, and that change would mend it.", 1
        ),
        Criterion("Ordered", "What blocks stands before what does not, and the last line decides.", 1),
    ),
    instructions=(
        "Read the change yourself first and note what is wrong with it, before you look at the answers. A defect that only "
        "one answer names may be real and one that all name may not: hold each against the code. A short review that names "
        "the one defect that matters is better than a long one that misses it."
    ),
)

_RESEARCH = StarterSet(
    slug="research",
    name="Research",
    about="A question answered from several sides, with what is known, what is disputed, and how sure that is.",
    mode=Mode.MERGE,
    do_no_harm=True,
    template="""\
{{prompt}}

What the answer is needed for: {{purpose}}
What we know or believe already: {{known}}

Answer in the first two sentences. Then give the grounds: each claim that carries weight with where it comes from (study, \
standard, primary source, or reasoning of your own, said so), from when it is, and how sure you are. Give the strongest \
evidence against your answer, and what it would take to change it. Where what we believe already is wrong, say so. If you do \
not know, say what you do not know; do not make up sources, figures or quotations.""",
    roles=(
        Role(
            "Evidence",
            "evidence",
            "You collect what bears on the question and weigh it: primary before secondary, measured before asserted, "
            "recent before old where the field moves. You give figures with their units, dates and sizes of samples.",
        ),
        Role(
            "Objections",
            "objections",
            "You look for what speaks against the usual answer: failed replications, confounders, interests, cases in which "
            "it does not hold. You also say when an objection is weak.",
        ),
        Role(
            "Meaning",
            "meaning",
            "You say what follows for the person who asks: under which assumptions, what they should do next, and which one "
            "thing they could find out that would settle most.",
        ),
    ),
    criteria=(
        Criterion(
            "Answers",
            "The first two sentences answer the question that was asked, for the use that was named.",
            2,
        ),
        Criterion(
            "Supported", "Each claim that carries weight has a source or a reason that can be checked.", 3
        ),
        Criterion(
            "Nothing made up",
            "Names no source, figure or quotation that does not exist or says something else.",
            3,
        ),
        Criterion("Other side", "Gives the strongest evidence against its own answer.", 2),
        Criterion("Honest doubt", "Says how sure it is of each main claim, and what it does not know.", 1),
    ),
    instructions=(
        "Note first which facts a right answer needs. A claim is not better supported because several answers make it: "
        "models share their errors. Be strict with precise figures and citations that no other answer and nothing you know "
        "bears out. Do not reward length or a confident tone."
    ),
)

_CREATIVE_BRIEF = StarterSet(
    slug="creative-brief",
    name="Creative brief",
    about="One brief from three hands: an idea, a voice, and a plan. You choose what stays before it is put together.",
    mode=Mode.MERGE,
    guided=True,
    template="""\
Write a creative brief for this:

{{prompt}}

Who it is for: {{audience}}
How it should sound: {{tone}}
What has to be in it, and what must not be: {{musts}}

Give, in this order: the one thing that people should remember (one sentence); the insight about the audience that it rests \
on; the idea, in no more than five sentences; three lines of copy that show the voice; what we make, for which place, in which \
order; how we will know that it worked. Be specific enough that two teams would make much the same thing from it. Avoid what \
every brief of this kind says.""",
    roles=(
        Role(
            "Idea",
            "idea",
            "You find the one idea. Think of three that contradict each other before you settle; keep the one that could "
            "only be about this thing, and give up what could be said of any.",
        ),
        Role(
            "Voice",
            "tone",
            "You write how it sounds: concrete words, sentences that can be read aloud, no slogans out of stock. Your sample "
            "lines are good enough to be used.",
        ),
        Role(
            "Plan",
            "structure",
            "You make it workable: what is made, where it is seen, in which order, what it depends on, and by which figure "
            "we learn whether it worked.",
        ),
    ),
    criteria=(
        Criterion(
            "One idea", "Says in one sentence what people should remember, and everything else serves it.", 3
        ),
        Criterion("Its own", "The idea could not stand in the brief of a competitor.", 2),
        Criterion("Voice", "The sample lines sound as was asked for, and could be used as they are.", 2),
        Criterion("Musts", "Holds all that has to be in it and nothing that must not be.", 3),
        Criterion("Makeable", "A team could begin from it without asking back.", 1),
    ),
    instructions=(
        "Read what has to be in it and what must not be, and check that first. Judge the idea by whether it could only be about "
        "this; polish does not make up for an ordinary one. A short brief that decides is better than a long one that "
        "lists."
    ),
)

_DECISION = StarterSet(
    slug="decision",
    name="Decision",
    about="A choice argued from three sides, who then hear and question each other before it is judged.",
    mode=Mode.DEBATE,
    template="""\
We have to decide:

{{prompt}}

The options: {{options}}
What matters to us, most important first: {{values}}

Recommend one of the options in the first sentence. Then say which facts and assumptions it hangs on, what each option costs \
and risks in the terms that matter to us, and which option you would take if your main assumption were wrong. Say whether the \
decision can be taken back, and at what price. Name the cheapest thing that we could find out first, and whether that is worth \
waiting for. If none of the options is good, say so and give a better one.""",
    roles=(
        Role(
            "Case for",
            "gains",
            "You look for the option that gains most by what matters to them, and make the best honest case for it. Give up "
            "an argument when it does not hold.",
        ),
        Role(
            "Sceptic",
            "risks",
            "You suppose that a year from now the decision has failed, for each option, and say how it came to that. Tell "
            "likely failures from merely possible ones.",
        ),
        Role(
            "Figures",
            "costs",
            "You put numbers to it: ranges rather than points, each with where it comes from. Say which number the decision "
            "turns on, and at which value it turns.",
        ),
    ),
    criteria=(
        Criterion("Decides", "Recommends one option in the first sentence and keeps to it.", 2),
        Criterion(
            "Grounds",
            "Names the facts and assumptions on which it hangs, and they are true or marked as guesses.",
            3,
        ),
        Criterion("Fits", "Weighs the options by what was said to matter, in that order.", 3),
        Criterion("Both ways", "Says under which conditions another option would be right.", 2),
        Criterion(
            "Next step",
            "Names what to do or find out first, and what taking the decision back would cost.",
            1,
        ),
    ),
    instructions=(
        "Note first which option you would take and why, and then hold that lightly. A change of mind between rounds counts "
        "only with a reason that can be checked; that most agree is no reason. Prefer the answer whose reasoning would still "
        "help if its recommendation turned out wrong."
    ),
)

STARTER_SETS = (_CODE_REVIEW, _RESEARCH, _CREATIVE_BRIEF, _DECISION)


def starter_set(slug: str) -> StarterSet | None:
    """Give the set of that word, if there is one."""
    return next((each for each in STARTER_SETS if each.slug == slug), None)
