import { element, setAttribute, setText, svg } from './dom.js'

// Lines over the last two minutes. What they say stands beside them as text.

/** Seconds that are shown. */
export const SHOWN = 120
const WIDTH = SHOWN - 1
const HEIGHT = 40

/** The last values of something, the latest at the end. */
export class History {
  /** @type {(number | null)[]} */
  values = []

  /** @param {number | null} value */
  add (value) {
    this.values.push(value)
    if (this.values.length > SHOWN) this.values.shift()
  }
}

/**
 * A chart of some lines on one scale.
 *
 * @param {string} name what it shows
 * @param {{ color: string, history: History, name: string, hasArea?: boolean }[]} lines
 * @param {(value: number) => string} write
 * @param {number} least what the scale reaches to at least
 */
export function chart (name, lines, write, least) {
  const drawn = lines.map(line => ({
    line,
    stroke: svg('path', { class: `stroke of-${line.color}` }),
    area: line.hasArea === true ? svg('path', { class: `area of-${line.color}` }) : undefined
  }))
  const grid = [0, HEIGHT].map(y => svg('line', { class: 'grid', x1: '0', x2: String(WIDTH), y1: String(y), y2: String(y) }))
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' },
    ...grid, ...drawn.flatMap(({ area, stroke }) => area === undefined ? [stroke] : [area, stroke]))
  const top = element('span', { class: 'top-value', 'aria-hidden': 'true' })
  const node = element('div', { class: 'chart' }, picture, top)
  return {
    node,
    update () {
      const all = lines.flatMap(({ history }) => history.values).filter(value => value !== null)
      const most = Math.max(least, ...all)
      const scale = rounded(most)
      setText(top, write(scale))
      setAttribute(picture, 'aria-label', `${name}, the last two minutes: ${lines.map(({ name, history }) => spoken(name, history, write)).join('; ')}`)
      for (const { line, stroke, area } of drawn) {
        setAttribute(stroke, 'd', path(line.history.values, scale))
        if (area !== undefined) setAttribute(area, 'd', path(line.history.values, scale, true))
      }
    }
  }
}

/** A small line without a scale, for a row. */
export function spark () {
  const stroke = svg('path', { class: 'stroke of-accent' })
  const node = svg('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, stroke)
  return {
    node,
    /** @param {History} history */
    update (history) {
      setAttribute(stroke, 'd', path(history.values, Math.max(1, ...history.values.map(Number))))
    }
  }
}

/** @param {string} name @param {History} history @param {(value: number) => string} write */
function spoken (name, { values }, write) {
  const known = values.filter(value => value !== null)
  if (known.length === 0) return `${name} nothing yet`
  return `${name} now ${write(values.at(-1) ?? known.at(-1))}, between ${write(Math.min(...known))} and ${write(Math.max(...known))}`
}

/**
 * The line, with a gap where nothing is known; or the area below it.
 *
 * @param {(number | null)[]} values
 * @param {number} scale
 */
function path (values, scale, isArea = false) {
  const from = SHOWN - values.length
  let text = ''
  let start
  let last = 0
  values.forEach((value, nth) => {
    if (value === null) {
      if (isArea && start !== undefined) text += `L${last} ${HEIGHT}L${start} ${HEIGHT}Z`
      start = undefined
      return
    }
    const x = from + nth - 1
    const y = Number((HEIGHT - Math.min(1, value / scale) * HEIGHT).toFixed(2))
    // A value that stands alone is a dot.
    text += start === undefined ? `M${x} ${y}l0 0` : `L${x} ${y}`
    start ??= x
    last = x
  })
  return isArea && start !== undefined ? `${text}L${last} ${HEIGHT}L${start} ${HEIGHT}Z` : text
}

/** The next number above that is easily read. @param {number} value */
function rounded (value) {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= value * 0.999) ?? value
}
