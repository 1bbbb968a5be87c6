/**
 * A growing set of fingerprints (positive numbers below 2^53) in one typed array: eight to sixteen bytes for each,
 * which is what remembering all names of a large directory may cost.
 */
const LEAST = 256;

export class FingerprintSet {
  private slots = new Float64Array(LEAST);
  private used = 0;

  get size(): number {
    return this.used;
  }

  clear(): void {
    if (this.used === 0) return;
    if (this.slots.length > LEAST) this.slots = new Float64Array(LEAST);
    else this.slots.fill(0);
    this.used = 0;
  }

  has(fingerprint: number): boolean {
    return this.slots[this.slotOf(this.slots, fingerprint)] !== 0;
  }

  add(fingerprint: number): void {
    const slot = this.slotOf(this.slots, fingerprint);
    if (this.slots[slot] !== 0) return;
    this.slots[slot] = fingerprint;
    if (++this.used * 2 > this.slots.length) this.grow();
  }

  /** Where it is, or the empty slot where it would go. */
  private slotOf(slots: Float64Array, fingerprint: number): number {
    const mask = slots.length - 1;
    let slot = ((fingerprint % 4294967291) ^ (fingerprint / 2 ** 21)) & mask;
    while (slots[slot] !== 0 && slots[slot] !== fingerprint) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const larger = new Float64Array(this.slots.length * 2);
    for (const fingerprint of this.slots) {
      if (fingerprint !== 0) larger[this.slotOf(larger, fingerprint)] = fingerprint;
    }
    this.slots = larger;
  }
}
