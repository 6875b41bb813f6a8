// Elements, made once and changed where what they show has changed: what is selected stays selected, what has the focus
// keeps it.

const SVG = 'http://www.w3.org/2000/svg'

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
export function element (name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** @param {string} name @param {Record<string, string>} attributes @param {...Node} children */
export function svg (name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** @param {Node} node @param {string} text */
export function setText (node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** @param {Element} of @param {string} name @param {string | undefined} value `undefined` takes it away */
export function setAttribute (of, name, value) {
  if (value === undefined) of.removeAttribute(name)
  else if (of.getAttribute(name) !== value) of.setAttribute(name, value)
}

/**
 * Brings the children of an element into line with a list. What is there already stays.
 *
 * @template Item
 * @param {Element} parent
 * @param {Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => { node: Element, update: (item: Item) => void }} make
 */
export function keep (parent, items, keyOf, make) {
  /** @type {Map<string, { node: Element, update: (item: Item) => void }>} */
  const before = parent.kept ?? new Map()
  const now = new Map()
  let next = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    const one = before.get(key) ?? make(item)
    now.set(key, one)
    before.delete(key)
    one.update(item)
    if (one.node === next) next = next.nextElementSibling
    else parent.insertBefore(one.node, next)
  }
  for (const { node } of before.values()) node.remove()
  parent.kept = now
}

/**
 * A table whose rows are those of a list.
 *
 * @template Item
 * @param {Element} place
 * @param {string} title
 * @param {{ title: string, kind?: string, show: (item: Item, cell: HTMLElement) => void }[]} columns
 * @param {{ keyOf: (item: Item) => string, toneOf?: (item: Item) => string | undefined, none: string }} rows
 * @returns {(items: Item[]) => void}
 */
export function table (place, title, columns, { keyOf, toneOf = () => undefined, none }) {
  const body = element('tbody')
  const head = element('tr', {}, ...columns.map(column => element('th', { scope: 'col', class: column.kind ?? 'plain' }, column.title)))
  const made = element('table', { 'aria-label': title }, element('thead', {}, head), body)
  const empty = element('p', { class: 'none' }, none)
  place.append(made, empty)
  return items => {
    made.hidden = items.length === 0
    empty.hidden = items.length > 0
    keep(body, items, keyOf, () => {
      const cells = columns.map(column => element('td', { class: column.kind ?? 'plain', 'data-label': column.title }))
      const node = element('tr', {}, ...cells)
      return {
        node,
        update (item) {
          setAttribute(node, 'data-tone', toneOf(item))
          columns.forEach(({ show }, nth) => show(item, cells[nth]))
        }
      }
    })
  }
}
