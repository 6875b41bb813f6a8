import { chart, History } from './charts.js'
import { element, setText } from './dom.js'
import { count, duration, percent, rate } from './format.js'

// The figures at the top, each with its last two minutes.

/** @param {Element} place */
export function makeTiles (place) {
  const requests = new History()
  const errors = new History()
  const [p50, p95, p99] = [new History(), new History(), new History()]
  const inFlight = new History()
  const limited = new History()
  const open = new History()
  const idle = new History()
  let limitedBefore

  const tiles = [
    tile(place, 'Requests', 'a second', chart('Requests a second', [{ name: 'requests', color: 'accent', history: requests, hasArea: true }], rate, 5),
      state => rate(state.rate), state => [['', `${count(state.requests)} in all`]]),
    tile(place, 'Errors', 'failed', chart('Part of the requests that failed', [{ name: 'errors', color: 'bad', history: errors, hasArea: true }], percent, 0.01),
      state => percent(state.errorRate), state => [['', `${count(state.failed)} in all`]]),
    tile(place, 'Duration', 'p50', chart('How long requests take', [
      { name: 'p50', color: 'accent', history: p50 }, { name: 'p95', color: 'mid', history: p95 }, { name: 'p99', color: 'bad', history: p99 }
    ], duration, 1),
    state => duration(state.p50), state => [['accent', 'p50'], ['mid', 'p95', duration(state.p95)], ['bad', 'p99', duration(state.p99)]]),
    tile(place, 'In flight', 'requests', chart('Requests in flight', [{ name: 'in flight', color: 'accent', history: inFlight, hasArea: true }], count, 5),
      state => count(state.inFlight), state => [['', 'waiting', count(sum(state.upstreams, ({ waiting }) => waiting))], ['', 'tunnels', count(sum(state.routes, ({ tunnels }) => tunnels))]]),
    tile(place, 'Connections', 'to upstreams', chart('Connections to upstreams', [
      { name: 'open', color: 'accent', history: open, hasArea: true }, { name: 'idle', color: 'ok', history: idle }
    ], count, 5),
    state => count(sumOfTargets(state, 'open')), state => [['accent', 'open'], ['ok', 'idle', count(sumOfTargets(state, 'idle'))], ['', 'reused', reuse(state)], ['', 'clients', count(state.connections)]]),
    tile(place, 'Rate limits hit', 'in all', chart('Rate limits hit each second', [{ name: 'hits', color: 'mid', history: limited, hasArea: true }], rate, 1),
      state => count(limits(state)), () => [['', `${rate(limited.values.at(-1) ?? 0)} a second`]])
  ]

  return {
    /** Takes in what there is to draw. */
    add (state) {
      const hits = limits(state)
      requests.add(state.rate)
      errors.add(state.errorRate)
      p50.add(state.p50)
      p95.add(state.p95)
      p99.add(state.p99)
      inFlight.add(state.inFlight)
      open.add(sumOfTargets(state, 'open'))
      idle.add(sumOfTargets(state, 'idle'))
      // Workers that end take what they have counted with them.
      limited.add(limitedBefore === undefined ? 0 : Math.max(0, hits - limitedBefore) / state.window)
      limitedBefore = hits
    },
    update (state) {
      for (const update of tiles) update(state)
    }
  }
}

/**
 * @param {Element} place
 * @param {string} title
 * @param {string} unit
 * @param {{ node: Element, update: () => void }} drawn
 * @param {(state: any) => string} figure
 * @param {(state: any) => string[][]} legend color, name and value of each
 */
function tile (place, title, unit, drawn, figure, legend) {
  const value = element('span')
  const below = element('p', { class: 'legend' })
  place.append(element('article', { class: 'tile card', 'data-tile': title }, element('h3', {}, title), element('p', { class: 'figure' }, value, element('small', {}, unit)), drawn.node, below))
  return state => {
    setText(value, figure(state))
    drawn.update()
    legend(state).forEach(([color, name, text], nth) => {
      const entry = below.children[nth] ?? below.appendChild(element('span', { class: color === '' ? '' : `k-${color}` }, ...(color === '' ? [] : [element('i', { 'aria-hidden': 'true' })]), element('span'), element('b')))
      setText(entry.children[entry.children.length - 2], text === undefined ? name : `${name} `)
      setText(entry.children[entry.children.length - 1], text ?? '')
    })
  }
}

function limits (state) {
  return state.rejected['rate-limit'] ?? 0
}

function reuse (state) {
  const [opened, reused] = [sumOfTargets(state, 'opened'), sumOfTargets(state, 'reused')]
  return percent(opened + reused === 0 ? null : reused / (opened + reused))
}

function sumOfTargets (state, key) {
  return sum(state.upstreams, ({ targets }) => sum(targets, target => target[key]))
}

function sum (list, of) {
  return list.reduce((total, one) => total + of(one), 0)
}
