/** One engine with one file, asked as an editor asks: with the whole context, which is mostly what it was before. */
export interface Racer {
  /** What is known of the context's beginning is used; then `count` tokens are written, greedily. */
  write(context: readonly number[], count: number): Promise<void>;
  /** The same, in the order in which this engine's editor puts what stands before and after the cursor. */
  fill(before: readonly number[], after: readonly number[], count: number): Promise<void>;
  /** The next context is read from its first token. */
  forget(): Promise<void>;
  dispose(): Promise<void>;
}
