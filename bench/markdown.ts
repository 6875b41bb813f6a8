/** A table in Markdown, aligned so that it can also be read in a terminal. The first column is text, the others are numbers. */
export function markdownTable ([heading = [], ...lines]: string[][]): string {
  const widths = heading.map((_, column) => Math.max(3, ...[heading, ...lines].map(line => line[column]?.length ?? 0)))
  const rule = widths.map((width, column) => column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)
  const padded = [heading, ...lines].map(line => line.map((cell, column) => {
    const width = widths[column] ?? 0
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  }))
  const [first = [], ...rest] = padded
  return [first, rule, ...rest].map(line => `| ${line.join(' | ')} |`).join('\n')
}

export function format (value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 100) return `${Math.round(value)}`
  return value.toFixed(value >= 10 ? 1 : 2)
}
