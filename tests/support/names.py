"""Names for people who never were, apart from the lists that the rules of identity are written with."""

from typing import Final

FIRST: Final = (
    "James Mary Michael Patricia Robert Jennifer John Linda David Elizabeth William Barbara Richard "
    "Susan Joseph Jessica Thomas Karen Christopher Sarah Charles Lisa Daniel Nancy Matthew Sandra "
    "Anthony Ashley Mark Emily Steven Kimberly Andrew Donna Paul Michelle Joshua Carol Kenneth Amanda "
    "Kevin Melissa Brian Deborah Timothy Stephanie Ronald Rebecca Jason Laura Jeffrey Helen Ryan Sharon "
    "Jacob Cynthia Gary Kathleen Nicholas Amy Eric Angela Jonathan Shirley Stephen Brenda Larry Emma "
    "Justin Anna Scott Pamela Brandon Nicole Benjamin Samantha Samuel Katherine Gregory Christine "
    "Alexander Debra Patrick Rachel Frank Carolyn Raymond Janet Jack Maria Dennis Olivia Jerry Heather "
    "Tyler Diane Aaron Julie Jose Joyce Nathan Victoria Henry Ruth Zachary Virginia Douglas Lauren "
    "Peter Kelly Adam Christina Noah Joan Ethan Evelyn Oliver Judith Isla Poppy Alfie Imogen Rhys Niamh "
    "Callum Eilidh Hamish Freya Jürgen Björn Käthe Günther Uwe Heike Anke Silke Wolfgang Dieter Renate "
    "Ursula Thorsten Sven Jörg Birgit Matthias Katrin Jana Lukas Felix Leonie Ayşe Mehmet Fatima Yusuf "
    "Aisha Omar Layla Hassan Priya Arjun Ananya Rohan Wei Mei Hiroshi Yuki Min-jun Soo-ah Łukasz "
    "Agnieszka Zofia Piotr Jiří Eliška Zoë René Chloé François Amélie Étienne Inès Søren Åsa Nils Freja "
    "José María Iñigo Lucía Álvaro Ximena João Inês Thiago Beatriz Luca Chiara Matteo Giulia Dmitri "
    "Svetlana Oleksandr Oksana Kwame Adaeze Chinedu Thandiwe Saoirse Siobhán Eoin Aoife"
).split()
LAST: Final = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez "
    "Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark "
    "Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams "
    "Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker "
    "Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper "
    "Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood Bennett "
    "Gray Mendoza Ruiz Hughes Price Alvarez Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker "
    "Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun "
    "Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Köhler Maier Vogel Friedrich "
    "Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke O’Brien O’Connor McDonald "
    "McCarthy Fitzgerald Gallagher Doherty Kavanagh Patel Singh Kumar Sharma Khan Ahmed Hussein Yılmaz "
    "Demir Kaya Tanaka Suzuki Chen Wang Zhang Park Choi Kowalski Nowak Wójcik Dvořák Novák Horváth Nagy "
    "Popescu Ionescu Petrov Ivanov Shevchenko Kovalenko Rossi Ferrari Esposito Bianchi Silva Santos "
    "Oliveira Núñez Ibáñez Peña Dubois Lefèvre Moreau Fournier Andersen Sørensen Lindström Virtanen "
    "Jansen de-Vries van-Dijk Okafor Mensah Abdi Adeyemi Ashworth Pemberton Holloway Whitaker Ellsworth "
    "Blackwood Cartwright Dunmore Fairbanks Goodwin Hathaway Iverson Jennings Kingsley Lockwood "
    "Merriweather"
).split()

# How people are called by those who know them: some of it no list has.
NICKNAMES: Final = {
    "James": "Jim Jimmy Jamie", "Mary": "Molly Mae", "Michael": "Mike Mikey Mick",
    "Patricia": "Pat Trish Patty", "Patrick": "Pat Paddy", "Robert": "Bob Rob Bobby",
    "Jennifer": "Jen Jenny", "John": "Jack Johnny", "David": "Dave Davey", "Elizabeth": "Liz Beth Betty",
    "William": "Bill Will Billy", "Barbara": "Barb Babs", "Richard": "Rick Dick Rich", "Susan": "Sue Susie",
    "Joseph": "Joe Joey", "Jessica": "Jess Jessie", "Thomas": "Tom Tommy",
    "Christopher": "Chris Kit Topher", "Charles": "Charlie Chuck", "Daniel": "Dan Danny", "Matthew": "Matt",
    "Anthony": "Tony", "Steven": "Steve", "Stephen": "Steve Steph", "Andrew": "Andy Drew", "Timothy": "Tim",
    "Rebecca": "Becky Becca", "Kenneth": "Ken Kenny", "Deborah": "Deb Debbie", "Stephanie": "Steph",
    "Kathleen": "Kathy Kate", "Nicholas": "Nick", "Jonathan": "Jon Jonny", "Benjamin": "Ben Benny",
    "Samantha": "Sam", "Samuel": "Sam", "Katherine": "Kate Kathy Katie", "Gregory": "Greg",
    "Alexander": "Alex Sandy", "Victoria": "Vicky Tori", "Zachary": "Zach", "Douglas": "Doug",
    "Raymond": "Ray", "Olivia": "Liv Livvy", "Wolfgang": "Wolle Wolf", "Katrin": "Kati",
    "Matthias": "Matze Hias", "Ursula": "Uschi Ulla", "Maria": "Mia Mitzi", "José": "Pepe Chepe",
    "María": "Mari", "Beatriz": "Bea", "Dmitri": "Dima", "Svetlana": "Sveta", "Oleksandr": "Sasha Oles",
    "Agnieszka": "Aga", "Zofia": "Zosia", "Giulia": "Giuli", "Timothée": "Tim", "Imogen": "Immy",
    "Niamh": "Neevie",
}  # fmt: skip

# Names that are forms of another one, and given to children all the same.
FORMS: Final = {
    "Elizabeth": "Lisa", "Emily": "Emma", "Jonathan": "John Nathan", "Mary": "Maria",
    "Christine": "Christina Chris Tina", "Christina": "Chris Tina", "Deborah": "Debra", "Carolyn": "Carol",
    "Katherine": "Katrin Käthe", "Alexander": "Sandra", "Patrick": "Peter", "Melissa": "Lisa",
}  # fmt: skip

# Of brothers, sisters and couples: alike to the eye, and two people all the same.
ALIKE: Final = (
    "Jan Jana", "Daniel Daniela", "Paul Paula", "Andrea Andreas", "Christian Christina", "Louis Louise",
    "Eric Erica", "Julian Juliana", "Robert Roberta", "Martin Martina", "Nicola Nicolas", "Maria Marie",
    "Mark Marc", "Tim Tom", "Lena Lina", "Mia Maya", "Emma Emily", "Karl Karla", "Marion Marian",
    "Kerstin Kirsten", "Aiden Jayden", "Oliver Olivia", "Michael Michaela", "Simon Simone", "Carl Carlo",
    "Helena Helene", "Stefan Stefanie", "Alexander Alexandra", "Anna Hanna", "Ella Stella", "Lara Laura",
    "Leon Leonie", "Philip Philippa", "Gabriel Gabriela", "Dennis Denise", "Marina Martina",
    "Joanna Johanna", "Karin Katrin", "Elena Helena", "Tina Nina", "Brian Ryan", "Charlotte Charlie",
    "Katharina Katharine", "Ida Ada", "Josef Josefa",
)  # fmt: skip

COMPANIES: Final = (
    "Brightwater", "Nordwind", "Pinecrest Logistics", "Lumen Optics", "Granite Works", "Tidewater Foods",
    "Quill Press", "Oakmere Dental", "Sable Security", "Marigold Florists", "Copperline Electric",
    "Fjord Outdoor", "Halcyon Travel", "Juniper Textiles", "Kestrel Aviation", "Larkspur Clinics",
    "Meridian Law", "Alder Timber", "Beacon Freight", "Cobalt Paints", "Dovetail Joinery", "Ember Heating",
    "Falcon Couriers", "Gable Roofing", "Harbor Marine",
)  # fmt: skip
HANDLES: Final = (
    "sunnyboy blue_berry night_owl traveller77 xXwolfXx coffee_lover happycat99 runner moonchild pixel8 "
    "admin2 the_best mama_bear bigfish red_rose88"
).split()
