/** The known word that a mistyped one most likely meant; nothing when none is near. */
export function nearest (word: string, known: string[]): string | undefined {
  const given = word.toLowerCase()
  let best: string | undefined
  let least = Math.min(3, Math.ceil(given.length / 2))
  for (const candidate of known) {
    const distance = editDistance(given, candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  // A part of the name, as `rewrite` for `pathRewrite`.
  return best ?? (given.length < 4 ? undefined : known.find((candidate) => candidate.toLowerCase().includes(given)))
}

/** Levenshtein's distance: how many characters to insert, drop or change. */
function editDistance (from: string, to: string): number {
  let distance = to.length
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [index, character] of [...from].entries()) {
    distance = index + 1
    const next = [distance]
    for (const [column, other] of [...to].entries()) {
      const [diagonal = 0, above = 0] = row.slice(column, column + 2)
      distance = Math.min(diagonal + (character === other ? 0 : 1), above + 1, distance + 1)
      next.push(distance)
    }
    row = next
  }
  return distance
}
