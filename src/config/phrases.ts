/** `a or b`, `a, b or c`: two words or more. */
export function either (words: string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.slice(-1).join()}`
}
