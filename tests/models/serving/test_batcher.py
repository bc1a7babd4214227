import itertools

from hypothesis import given
from hypothesis import strategies as st

from catnap.models.serving.batcher import Batcher, Limits

LIMITS = Limits(area=512, padding=32)

requests = st.lists(st.lists(st.integers(1, 256), max_size=40), max_size=8)


def drain(batcher: Batcher):
    return iter(batcher.take, [])


@given(requests)
def test_every_text_is_taken_once(lengths):
    batcher = Batcher(LIMITS)
    for key, request in enumerate(lengths):
        batcher.add(key, request)
    taken = sorted((text.request, text.place) for batch in drain(batcher) for text in batch)
    assert taken == [
        (key, place) for key, request in enumerate(lengths) for place in range(len(request))
    ]
    assert len(batcher) == 0


@given(requests, st.integers(1, 1000), st.integers(0, 100))
def test_a_batch_keeps_to_its_area_and_padding(lengths, area, padding):
    batcher = Batcher(Limits(area, padding))
    for key, request in enumerate(lengths):
        batcher.add(key, request)
    for batch in drain(batcher):
        longest = batch[0].length
        assert len(batch) == 1 or len(batch) * longest <= area
        assert sum(longest - text.length for text in batch) <= padding


@given(requests, st.data())
def test_nothing_of_a_dropped_request_is_taken_any_more(lengths, data):
    batcher = Batcher(LIMITS)
    for key, request in enumerate(lengths):
        batcher.add(key, request)
    for _ in range(data.draw(st.integers(0, 5))):
        batcher.take()
    dropped = data.draw(st.integers(0, 8))
    batcher.drop(dropped)
    assert all(text.request != dropped for batch in drain(batcher) for text in batch)


def test_a_question_goes_ahead_of_what_is_left_of_a_large_request():
    batcher = Batcher(LIMITS)
    batcher.add(1, [200] * 2000)
    batcher.take()
    batcher.add(2, [9])
    assert [text.request for text in batcher.take()] == [2]


def test_a_question_goes_ahead_of_many_large_requests():
    batcher = Batcher(LIMITS)
    for key in range(10):
        batcher.add(key, [200] * 100)
    for _ in range(7):
        batcher.take()
    batcher.add(99, [9])
    assert [text.request for text in batcher.take()] == [99]


def test_large_requests_take_turns():
    batcher = Batcher(LIMITS)
    batcher.add(1, [250] * 100)
    batcher.add(2, [60] * 400)
    leaders = [batch[0].request for batch in itertools.islice(drain(batcher), 20)]
    assert 8 <= leaders.count(1) <= 12


def test_a_large_request_is_served_however_many_questions_arrive():
    batcher = Batcher(LIMITS)
    batcher.add(0, [200] * 20)
    batches = []
    for key in range(1, 1000):
        batcher.add(key, [100])
        batches.append(batcher.take())
    assert sum(text.request == 0 for batch in batches for text in batch) == 20


def test_questions_of_many_callers_run_together():
    batcher = Batcher(LIMITS)
    for key in range(32):
        batcher.add(key, [10])
    assert len(batcher.take()) == 32


def test_texts_of_unlike_length_do_not_run_together():
    batcher = Batcher(LIMITS)
    batcher.add(1, [256])
    batcher.add(2, [10])
    assert [len(batch) for batch in drain(batcher)] == [1, 1]


def test_a_batch_leads_with_its_longest_text():
    batcher = Batcher(LIMITS)
    batcher.add(1, [10, 12, 11])
    assert [text.length for text in batcher.take()] == [12, 11, 10]
