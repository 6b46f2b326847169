//! Archives that are compressed with zstd: frames one behind the other, some of them to be skipped (RFC 8878, section 3).

use std::io::{self, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What a stream of frames says, decompressed; a frame's window is 128 MiB at most, which bounds the memory it takes.
pub(super) struct Frames<R> {
    source: Watched<R>,
    decoder: Box<FrameDecoder>,
}

/// Knows whether a reader was told that there is no more.
struct Watched<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source: Watched {
                inner: source,
                ended: false,
            },
            decoder: Box::new(FrameDecoder::new()),
        }
    }

    /// Begins the next frame, or skips it; tells whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        let told = self.decoder.get_checksum_from_data();
        if told.is_some() && told != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(ErrorKind::InvalidData, "wrong checksum"));
        }
        let mut first = [0];
        if self.source.read(&mut first)? == 0 {
            return Ok(false);
        }
        match self.decoder.init((&first[..]).chain(&mut self.source)) {
            Ok(()) => Ok(true),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let mut skipped = (&mut self.source).take(length.into());
                io::copy(&mut skipped, &mut io::sink())?;
                *self.decoder = FrameDecoder::new();
                Ok(true)
            }
            Err(error) => Err(self.damage(error)),
        }
    }

    fn damage(&self, error: FrameDecoderError) -> io::Error {
        match self.source.ended {
            true => ErrorKind::UnexpectedEof.into(),
            false => io::Error::new(ErrorKind::InvalidData, error),
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && self.decoder.can_collect() == 0 {
            if self.decoder.is_finished() {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            let one = BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = self.decoder.decode_blocks(&mut self.source, one) {
                return Err(self.damage(error));
            }
        }
        self.decoder.read(buffer)
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.ended |= length == 0 && !buffer.is_empty();
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn frame(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Frames::new(bytes).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn frames_are_read_one_behind_the_other_and_some_are_skipped() {
        let mut stream = frame(b"one ");
        stream.extend(0x184D_2A53_u32.to_le_bytes());
        stream.extend(3_u32.to_le_bytes());
        stream.extend(b"???");
        stream.extend(frame(&[b'x'; 300_000]));
        let text = read(&stream).unwrap();
        assert_eq!(&text[..6], b"one xx");
        assert_eq!(text.len(), 4 + 300_000);
    }

    #[test]
    fn a_stream_cut_off_anywhere_ends_too_early() {
        let whole = frame(
            &(0..200_000_u32)
                .flat_map(u32::to_le_bytes)
                .collect::<Vec<_>>(),
        );
        for length in [1, 3, 5, 9, whole.len() / 2, whole.len() - 1] {
            let error = read(&whole[..length]).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::UnexpectedEof,
                "cut at {length}: {error}"
            );
        }
    }

    #[test]
    fn a_window_that_takes_all_memory_is_refused() {
        let mut bomb = 0xFD2F_B528_u32.to_le_bytes().to_vec();
        // no content size, no checksum; a window of 2^(10 + 31) bytes
        bomb.extend([0, 0xF8, 1, 0, 0]);
        assert_eq!(read(&bomb).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
