/**
 * The random numbers of glibc's random(3), for commands whose effect is defined by a seed: an additive feedback
 * generator over 31 words, x[i] = x[i-3] + x[i-31], seeded by a multiplicative one; the lowest bit is dropped and
 * the first 310 results too.
 */

const WORDS = 31;
const SEPARATION = 3;
const WARM_UP = 310;
const MULTIPLIER = 16807n;
const MODULUS = 2147483647n;

export class GlibcRandom {
  private readonly state = new Uint32Array(WORDS);
  private at = SEPARATION;

  /** `seed` as an unsigned 32-bit number; 0 counts as 1. */
  constructor(seed: number) {
    let word = BigInt.asIntN(32, BigInt(seed === 0 ? 1 : seed));
    this.state[0] = Number(BigInt.asUintN(32, word));
    for (let i = 1; i < WORDS; i++) {
      word = (word * MULTIPLIER) % MODULUS;
      if (word < 0n) word += MODULUS;
      this.state[i] = Number(word);
    }
    for (let i = 0; i < WARM_UP; i++) this.next();
  }

  /** 0 to 2^31 - 1. */
  next(): number {
    const { state, at } = this;
    // The word that is overwritten is the one of 31 steps ago.
    const sum = (state[at]! + state[(at + WORDS - SEPARATION) % WORDS]!) >>> 0;
    state[at] = sum;
    this.at = (at + 1) % WORDS;
    return sum >>> 1;
  }
}
