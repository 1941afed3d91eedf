/** Counts whole seconds down: tells each number that is left, from the first on, and 0 at the end. Returns a stop. */
export function countDown(seconds: number, tell: (left: number) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const count = (left: number) => {
    if (left > 0) timer = setTimeout(() => count(left - 1), 1000);
    tell(left);
  };
  count(seconds);
  return () => clearTimeout(timer);
}
