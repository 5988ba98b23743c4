const message = document.querySelector('#message')

/** Tells the visitor something, in the place for it or in another one. An error is read out at once. */
export function say(text, kind = '', place = message) {
  place.textContent = text
  place.dataset.kind = kind
  place.role = kind === 'error' ? 'alert' : 'status'
}
