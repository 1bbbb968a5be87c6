/** The least log follows from what transactions need, which is a fact of every filesystem: see fs/log/reservation. */
export { largestTransactionBytes, minimumLogBlocks } from '../fs/log/reservation.ts';
