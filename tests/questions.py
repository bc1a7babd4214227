"""Twenty questions about Python, and where the language reference answers them.

The corpus is `pydoc_data.topics` of CPython 3.11. The right topics of a
question are those that hold the passage that answers it, found by reading;
the reference repeats whole sections (all of `with` is in `compound` too), so
most questions have several. Written before there was an index to ask.
"""

from __future__ import annotations

Question = tuple[str, frozenset[str]]

QUESTIONS: list[Question] = [
    (
        "Why does reading a variable in my function fail when I assign to that same name "
        "further down in the function?",
        frozenset({"naming", "execmodel"}),
    ),
    (
        "Why does a list used as a default argument keep its values from one call to the next?",
        frozenset({"function", "compound"}),
    ),
    (
        "If both the try block and the finally block return something, which value does the "
        "caller get?",
        frozenset({"try", "compound"}),
    ),
    (
        "How can my own object be used in a with block and swallow an error that happens "
        "inside it?",
        frozenset({"with", "context-managers", "compound", "specialnames"}),
    ),
    (
        "How do I control which names people get when they import everything from my module "
        "with a star?",
        frozenset({"import"}),
    ),
    (
        "Why is -1 ** 2 negative?",
        frozenset({"power", "operator-summary"}),
    ),
    (
        "How do I show a big number with commas between the thousands?",
        frozenset({"formatstrings"}),
    ),
    (
        "Why can't a raw string end with a backslash?",
        frozenset({"strings"}),
    ),
    (
        "How do I save memory when I create millions of small objects of one class?",
        frozenset({"attribute-access", "specialnames"}),
    ),
    (
        "After I defined equality on my class its objects no longer work as dictionary keys, why?",
        frozenset({"customization", "specialnames"}),
    ),
    (
        "How do I cut a known ending such as .txt off a piece of text without eating other "
        "letters?",
        frozenset({"string-methods"}),
    ),
    (
        "Do dictionaries remember the order in which I added the keys?",
        frozenset({"typesmapping", "types"}),
    ),
    (
        "How do I stop at a line in the debugger only if some variable has a certain value?",
        frozenset({"debugger"}),
    ),
    (
        "How do I run some code only when a loop went through all items without breaking out?",
        frozenset({"for", "while", "break", "compound"}),
    ),
    (
        "What must my class implement so that 2 * obj works when obj is on the right-hand side?",
        frozenset({"numeric-types", "specialnames"}),
    ),
    (
        "How do I raise a different error from an exception handler without showing the "
        "original one?",
        frozenset({"raise"}),
    ),
    (
        "Why is an attribute that begins with two underscores named differently when I look at "
        "it from outside the class?",
        frozenset({"atom-identifiers", "id-classes", "identifiers"}),
    ),
    (
        "In a match statement, when does a name in a case compare with a constant and when does "
        "it just get assigned?",
        frozenset({"compound"}),
    ),
    (
        "Why is nan never equal to itself?",
        frozenset({"comparisons"}),
    ),
    (
        "I made a grid by multiplying a list of lists, why does changing one row change them all?",
        frozenset({"typesseq"}),
    ),
]
