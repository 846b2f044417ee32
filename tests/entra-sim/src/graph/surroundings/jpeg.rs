//! The smallest honest JPEG: a square of one colour in the size asked for.

/// A baseline JPEG of `side` × `side` pixels whose colour follows from `seed`.
pub(super) fn square(side: u16, seed: &[u8; 16]) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let mut image = vec![0xFF, 0xD8];
    // One quantisation table of ones.
    image.extend([0xFF, 0xDB, 0, 67, 0]);
    image.extend([1_u8; 64]);
    // Eight bits, three components without subsampling.
    image.extend([0xFF, 0xC0, 0, 17, 8, high, low, high, low, 3]);
    image.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    // DC: twelve categories, each of four bits. AC: end of block alone, one bit.
    image.extend([0xFF, 0xC4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    image.extend(0_u8..12);
    image.extend([0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    image.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
    let mut bits = Bits { bytes: image, pending: 0, count: 0 };
    let blocks = u32::from(side).div_ceil(8).pow(2);
    for block in 0..blocks {
        for component in seed.iter().take(3) {
            // Later blocks do not differ from the first.
            bits.difference(if block == 0 { (i32::from(*component) - 128) * 8 } else { 0 });
            bits.put(0, 1);
        }
    }
    bits.end()
}

/// Writes bits, highest first, with the stuffing of `FF`.
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, length: u32) {
        for bit in (0..length).rev() {
            self.pending = (self.pending << 1) | ((value >> bit) & 1);
            self.count += 1;
            if self.count == 8 {
                let byte = u8::try_from(self.pending & 0xFF).unwrap_or_default();
                self.bytes.push(byte);
                if byte == 0xFF {
                    self.bytes.push(0);
                }
                self.pending = 0;
                self.count = 0;
            }
        }
    }

    /// A DC difference: its category, then its bits; negative ones in ones' complement.
    fn difference(&mut self, value: i32) {
        let category = u32::BITS - value.unsigned_abs().leading_zeros();
        self.put(category, 4);
        let bits = if value < 0 { value - 1 } else { value };
        self.put(bits.cast_unsigned() & ((1 << category) - 1), category);
    }

    fn end(mut self) -> Vec<u8> {
        while self.count != 0 {
            self.put(1, 1);
        }
        self.bytes.extend([0xFF, 0xD9]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_has_the_size_asked_for_and_both_markers() {
        let image = square(96, &[200; 16]);
        assert_eq!(image.get(..2), Some(&[0xFF, 0xD8][..]));
        assert_eq!(image.get(image.len() - 2..), Some(&[0xFF, 0xD9][..]));
        let frame = image.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame");
        assert_eq!(image.get(frame + 5..frame + 9), Some(&[0, 96, 0, 96][..]));
    }
}
