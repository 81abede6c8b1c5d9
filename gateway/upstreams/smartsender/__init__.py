"""Smart Sender: contacts, chats, channels and events over REST."""
