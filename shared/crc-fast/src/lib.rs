//! The three checksums that S3 knows, for `aws-smithy-checksums`.
//!
//! The published crate of this name holds tables of 16 KB and more for each of some sixty checksums:
//! two thirds of a megabyte in every function that speaks to S3, a tenth of `full-sync`'s archive,
//! which no compression makes smaller. What is asked for here is computed by the crate `crc`
//! (`docs/decisions/0033-checksums-of-s3-alone.md`).
#![no_std]

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
static CRC64: Crc<u64, Table<1>> = Crc::<u64, Table<1>>::new(&CRC_64_NVME);

/// A checksum that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// S3: `CRC32`, which its client sends unless told otherwise.
    Crc32IsoHdlc,
    /// S3: `CRC32C`.
    Crc32Iscsi,
    /// S3: `CRC64NVME`.
    Crc64Nvme,
}

/// A checksum under way.
#[derive(Clone)]
pub struct Digest(Kind);

#[derive(Clone)]
enum Kind {
    Crc32(crc::Digest<'static, u32, Table<16>>),
    Crc32c(crc::Digest<'static, u32, Table<1>>),
    Crc64(crc::Digest<'static, u64, Table<1>>),
}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Digest").finish_non_exhaustive()
    }
}

impl Digest {
    /// Begins one.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => Kind::Crc32(CRC32.digest()),
            CrcAlgorithm::Crc32Iscsi => Kind::Crc32c(CRC32C.digest()),
            CrcAlgorithm::Crc64Nvme => Kind::Crc64(CRC64.digest()),
        })
    }

    /// Goes on with these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Kind::Crc32(digest) => digest.update(bytes),
            Kind::Crc32c(digest) => digest.update(bytes),
            Kind::Crc64(digest) => digest.update(bytes),
        }
    }

    /// What all bytes so far come to; a checksum of 32 bits stands in the lower half.
    pub fn finalize(&self) -> u64 {
        match self.0.clone() {
            Kind::Crc32(digest) => digest.finalize().into(),
            Kind::Crc32c(digest) => digest.finalize().into(),
            Kind::Crc64(digest) => digest.finalize(),
        }
    }
}

/// The checksum of these bytes.
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_accepts_what_is_written() {
        // The check values of the catalogue of parametrised CRC algorithms.
        for (algorithm, check) in [
            (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
            (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
            (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
        ] {
            assert_eq!(checksum(algorithm, b"123456789"), check, "{algorithm:?}");
            let mut digest = Digest::new(algorithm);
            digest.update(b"1234");
            digest.update(b"56789");
            assert_eq!(digest.finalize(), check, "{algorithm:?} in pieces");
        }
    }
}
