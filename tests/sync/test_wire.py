from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migramovil.core import sealing
from migramovil.sync import wire

tokens = st.binary(min_size=wire.TOKEN_BYTES, max_size=wire.TOKEN_BYTES)
roots = st.binary(min_size=32, max_size=32)


@given(tokens, roots)
def test_a_code_reads_back_even_as_people_write_it(token: bytes, root: bytes) -> None:
    code = wire.make_code(token, root)
    meant = (token, wire.root_hash(root))
    assert wire.read_code(code) == meant
    by_hand = code.lower().replace("-", "  ").replace("0", "o").replace("1", "l")
    assert wire.read_code(by_hand) == meant


@given(tokens, roots, st.integers(0, 44), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_letter_is_noticed(token: bytes, root: bytes, at: int, letter: str) -> None:
    code = wire.make_code(token, root).replace("-", "")
    changed = code[:at] + letter + code[at + 1 :]
    if changed == code:
        return
    try:
        # 16 bits of checksum: one change in 65,536 may pass, and is then another code
        assert wire.read_code(changed) != (token, wire.root_hash(root))
    except wire.BadEnrolmentCode as trouble:
        assert trouble.code == "SET-01"  # noqa: PT017 - both ends are right


@given(st.text(max_size=60))
def test_any_other_text_is_a_bad_code(text: str) -> None:
    with pytest.raises(wire.BadEnrolmentCode):
        wire.read_code(text)


def test_a_request_signature_binds_method_path_and_body() -> None:
    key = sealing.Signer.new()
    header = wire.sign_request("s", key, "PUT", "/v1/x", b"body")
    station, signature = wire.read_request(header)
    assert station == "s"
    wire.verify_request(key.public, signature, "PUT", "/v1/x", b"body")
    for other in (("POST", "/v1/x", b"body"), ("PUT", "/v1/y", b"body"), ("PUT", "/v1/x", b"")):
        with pytest.raises(sealing.BadSignature):
            wire.verify_request(key.public, signature, *other)
