"""What customers and the desk write to each other in the sandbox.

A line starts with `<` when the customer writes and with `>` when the desk does; `@picture` and `@voice` send
a file. Words in braces are filled in for each person.
"""

from typing import Final

THREADS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "< Hi! Is the {city} branch open this Sunday?",
        "> Hello {first}, yes, from ten to four.",
        "< Great, and can I park behind the building?",
        "> You can, the entrance is on {street}.",
        "< Perfect, see you then",
    ),
    (
        "< Where is my order {order}? It said Tuesday.",
        "> Good morning {first}, let me look it up.",
        "> It left our warehouse last night and should reach you tomorrow before noon.",
        "< ok thanks. Can the driver call me first?",
        "> I have added that to the delivery note.",
        "< 👍",
    ),
    (
        "< The parcel arrived but the box is crushed",
        "< @picture crushed-box.jpg",
        "> Oh no, I am sorry about that. Is anything inside broken?",
        "< One of the two glasses has a crack",
        "> We will send a new one today, no need to return the other. Same address?",
        "< Yes please. Thank you!",
    ),
    (
        "> Hi {first}, this is the front desk. Does Thursday at {hour}:30 still suit you?",
        "< Could we make it an hour later?",
        "> Done. See you on Thursday.",
    ),
    (
        "< Do you ship to {city}?",
        "> We do. Two to three working days, free above 50 dollars.",
        "< And how much for express?",
        "> 12 dollars, next day if you order before {hour} o'clock.",
        "< I will think about it",
    ),
    (
        "< I was charged twice for order {order} :(",
        "> That should not happen. Could you tell me the last four digits of the card?",
        "< 4410",
        "> Thank you. I can see both charges, the second one is being returned. It takes three to five days.",
        "< Will I get a confirmation?",
        "> Yes, by e-mail within the hour.",
        "< Got it, thanks for the quick help",
    ),
    (
        "< Can I change the delivery address?",
        "> Of course, as long as the order has not left. Which one is it?",
        "< {order}, to {street} please",
        "> Changed. Anything else?",
        "< No that's all",
    ),
    (
        "> Hello {first}! Your subscription renews on the first. Reply STOP if you would rather pause it.",
        "< Can I skip just one month?",
        "> Yes, I have moved the next box to the month after.",
        "< lovely",
    ),
    (
        "< Hey, do you have the blue one in size M again?",
        "> It comes back on Friday. Shall I keep one for you?",
        "< Yes!! Under {first} please",
        "> It is behind the counter until Monday.",
    ),
    (
        "< I need an invoice with our company's name on it",
        "> Sure. Which name and address should it say?",
        "< I will send it by mail, the usual one",
        "> Received, the corrected invoice is on its way.",
        "< Thanks, accounting will be happy",
    ),
    (
        "< Hello? Anyone there?",
        "> Good evening {first}, sorry for the wait. How can I help?",
        "< The tracking link for {order} shows nothing",
        "> It can take a few hours until the carrier has scanned it. Please try again tonight.",
        "< Works now, thank you",
    ),
    (
        "< @voice question.ogg",
        "> Thank you for your message. The manual is the second download on the product page.",
        "< Found it!",
    ),
    (
        "< I'd like to cancel my appointment tomorrow at {hour}",
        "> Cancelled. Would you like another date?",
        "< Next week, any morning",
        "> Wednesday at 9:15?",
        "< Works for me",
        "> Booked. You will get a reminder the day before.",
    ),
    (
        "> Hi {first}, how did you like your last order?",
        "< Honestly the coffee was a bit stale",
        "> Thank you for telling us. May we send you a fresh bag?",
        "< That would be very kind",
        "> It goes out today.",
    ),
    (
        "< What documents do I need for the rental?",
        "> A photo ID and a card in your own name.",
        "< Is a picture of the ID enough?",
        "> For the reservation yes, at pick-up we have to see the original.",
        "< understood",
    ),
    (
        "< Please take me off the list, too many messages",
        "> Done, {first}. You will only hear from us about your orders.",
    ),
    (
        "< Do you offer a discount for larger orders? We need about 40 pieces",
        "> From 25 pieces on it is 10 percent, from 50 on 15.",
        "< And delivery to {street} in {city}?",
        "> Included. Shall I prepare an offer?",
        "< Yes please, valid for two weeks if possible",
        "> It is in your mailbox.",
        "< Received, I will get back to you on Monday",
    ),
)
NOTES: Final = (
    "Prefers mornings",
    "Asked for an invoice on paper",
    "Parks behind the building, needs the gate opened",
    "Do not call before noon",
    "Met at the spring fair, interested in a yearly plan",
    "Had a damaged parcel, replacement sent free of charge",
    "Orders for the whole office, usually on Mondays",
    "Speaks Spanish with us",
    "Waiting for the blue one in size M",
    "Pays by bank transfer only",
)
