"""A confirmation is good once, for a moment, and for one write alone."""

from gateway.assistant.confirming import Confirmations, idempotency_key


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_confirmation_counts_once_and_for_its_write_alone() -> None:
    confirmations = Confirmations(Clock())
    token = confirmations.give("a")
    assert not confirmations.take(token, "b")
    assert confirmations.take(token, "a")
    assert not confirmations.take(token, "a")
    assert not confirmations.take("", "")


def test_a_confirmation_ends() -> None:
    clock = Clock()
    confirmations = Confirmations(clock, seconds=300)
    token, late = confirmations.give("a"), confirmations.give("a")
    clock.now = 299.9
    assert confirmations.take(token, "a")
    clock.now = 300.0
    assert not confirmations.take(late, "a")


def test_what_is_given_back_counts_again() -> None:
    confirmations = Confirmations(Clock())
    token = confirmations.give("a")
    assert confirmations.take(token, "a")
    confirmations.give_back(token, "a")
    assert confirmations.take(token, "a")


def test_of_too_many_the_oldest_are_dropped() -> None:
    confirmations = Confirmations(Clock(), most=2)
    oldest, *others = (confirmations.give("a") for _ in range(3))
    assert not confirmations.take(oldest, "a")
    assert all(confirmations.take(each, "a") for each in others)


def test_tokens_and_their_keys_differ_and_a_key_does_not_tell_its_token() -> None:
    confirmations = Confirmations(Clock())
    tokens = [confirmations.give("a") for _ in range(50)]
    keys = [idempotency_key(token) for token in tokens]
    assert len({*tokens}) == len({*keys}) == 50
    assert not any(token in key for token, key in zip(tokens, keys, strict=True))
    assert idempotency_key(tokens[0]) == keys[0]
