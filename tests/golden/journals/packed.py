"""A file of a journal without the room that it did not use (adapters/journal/journal_format.h), and the way back."""
import gzip
import struct

SEAL_AT, SNAPSHOT_AT, MARK_BYTES = 2048, 4096, 24


def head(data):
    """(behaviour, body bytes, bytes of the snapshot, bytes of the whole file, first record)."""
    behaviour, body = struct.unpack_from("=II", data, 12)
    snapshot, whole = struct.unpack_from("=QQ", data, 24)
    return behaviour, body, snapshot, whole, struct.unpack_from("=Q", data, 64)[0]


def trimmed(data):
    """Up to the last record, of a file that was sealed."""
    _, body, snapshot, _, _ = head(data)
    count = struct.unpack_from("=Q", data, SEAL_AT)[0]
    begin = (SNAPSHOT_AT + snapshot + 63) // 64 * 64
    return data[:begin + count * (MARK_BYTES + body)]


def unpacked(path):
    with gzip.open(path, "rb") as file:
        data = file.read()
    return data + bytes(head(data)[3] - len(data))


if __name__ == "__main__":
    import sys

    with open(sys.argv[2], "wb") as out:
        out.write(unpacked(sys.argv[1]))
