"""A file behind an address, for readers that go anywhere in it, damaged ones past its end too."""

import io
from typing import Any

from data_prep import files


class RemoteFile(io.RawIOBase):
    """The bytes of a file that TensorFlow reads. Raises FileNotFoundError where there is none."""

    def __init__(self, path: str) -> None:
        if not files.is_file(path):
            raise FileNotFoundError(path)
        self._size = files.size(path)
        self._file = files.open_file(path, "rb")
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if not 0 <= self._at < self._size:
            return 0
        self._file.seek(self._at)
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
