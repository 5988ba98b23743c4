/** How many slots a Redis Cluster has. */
const SLOTS = 16_384

/** The slot of a text that is the part in braces of a key: CRC-16/XMODEM, as the Redis Cluster specification has it. */
export function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
    crc &= 0xffff
  }
  return crc % SLOTS
}
