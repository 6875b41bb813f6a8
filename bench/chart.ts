export interface Chart {
  title: string
  bars: ReadonlyArray<{ name: string, value: number, own: boolean }>
  footnote: string
}

const WIDTH = 760
/** Where the bars begin, right of their names. */
const LEFT = 190
/** Kept free for the value behind the longest bar. */
const RIGHT = 70
const TOP = 58
const STEP = 34
const THICK = 22

/** Bars from left to right, as SVG that follows the reader's light or dark theme. */
export function barChart ({ title, bars, footnote }: Chart): string {
  const height = TOP + bars.length * STEP + 34
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(...bars.map(({ value }) => value))
  const summary = bars.map(({ name, value }) => `${name} ${label(value)}`).join(', ')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title text">
  <title id="title">${escape(title)}</title>
  <desc id="text">${escape(summary)}</desc>
  <style>
    .page { fill: #ffffff; stroke: #d0d7de }
    .bar { fill: #afb8c1 }
    .own { fill: #0969da }
    text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 14px; fill: #24292f }
    .title { font-weight: 600; font-size: 15px }
    .name { text-anchor: end }
    .small { font-size: 11px; fill: #57606a }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d }
      .bar { fill: #59626d }
      .own { fill: #58a6ff }
      text { fill: #e6edf3 }
      .small { fill: #9da7b1 }
    }
  </style>
  <rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
  <text class="title" x="20" y="34">${escape(title)}</text>
${bars.map(bar).join('\n')}
  <text class="small" x="20" y="${height - 16}">${escape(footnote)}</text>
</svg>
`

  function bar ({ name, value, own }: Chart['bars'][number], index: number): string {
    const y = TOP + index * STEP
    const length = Math.round(value * scale)
    return `  <text class="name" x="${LEFT - 12}" y="${y + 16}">${escape(name)}</text>
  <rect class="bar${own ? ' own' : ''}" x="${LEFT}" y="${y}" width="${length}" height="${THICK}" rx="3"/>
  <text x="${LEFT + length + 8}" y="${y + 16}">${label(value)}</text>`
  }
}

function label (value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
