// Counts the words of a text.

const WORD = /[\p{L}\p{N}']+/gu;

export const handler = async (event) => {
  const words = String(event.text ?? "").toLowerCase().match(WORD) ?? [];
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const top = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, event.top ?? 3);
  console.log("counted", words.length, "words");
  return { words: words.length, distinct: counts.size, top };
};
