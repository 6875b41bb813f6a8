import type { Series } from './samples.js'

const WIDTH = 720
const HEIGHT = 110
const LEFT = 190
const RIGHT = 20
const TOP = 24

/** A chart for each series, one below the other, all over the same minutes. */
export function picture (minutes: readonly number[], series: readonly Series[]): string {
  const height = TOP + series.length * HEIGHT + 20
  const last = Math.max(...minutes)
  const x = (minute: number): number => LEFT + minute / last * (WIDTH - LEFT - RIGHT)
  const marks = Array.from({ length: Math.floor(last) + 1 }, (_, minute) => `<text class="mark" x="${round(x(minute))}" y="${height - 6}" text-anchor="middle">${minute}</text>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Heap, memory, files, sockets and timers over ${Math.round(last)} minutes of load">
<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .mark, .range { font-size: 10px; fill: #59636e }
  .line { fill: none; stroke: #0969da; stroke-width: 1.5 }
  .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .mark, .range { fill: #9198a1 }
    .line { stroke: #4493f8 }
    .axis { stroke: #3d444d }
  }
</style>
${series.map((each, nth) => chart(each, TOP + nth * HEIGHT, minutes.map(x))).join('\n')}
${marks.join('\n')}
</svg>
`
}

/** From nothing upwards: a line that looks flat is. */
function chart ({ name, unit, values }: Series, top: number, xs: readonly number[]): string {
  const most = Math.max(...values) * 1.1
  const bottom = top + HEIGHT - 24
  const points = values.map((value, nth) => `${round(Number(xs[nth]))},${round(bottom - value / most * (HEIGHT - 34))}`)
  return `<text x="0" y="${top + 30}">${name}</text>
<text class="range" x="0" y="${top + 46}">${round(Math.min(...values))} to ${round(Math.max(...values))} ${unit}</text>
<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>
<polyline class="line" points="${points.join(' ')}"/>`
}

function round (value: number): number {
  return Math.round(value * 10) / 10
}
