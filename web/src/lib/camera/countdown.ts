/** Count down whole seconds to 0, calling back for each. Return a function that stops it. */
export function countDown(seconds: number, tell: (left: number) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const count = (left: number) => {
    if (left > 0) timer = setTimeout(() => count(left - 1), 1000);
    tell(left);
  };
  count(seconds);
  return () => clearTimeout(timer);
}
