import { showDevices } from './devices.js'
import { say } from './message.js'
import { call, whileBusy } from './server.js'

const form = document.querySelector('#password form')
const dialog = document.querySelector('dialog')
const again = dialog.querySelector('form')

form.addEventListener('submit', (event) => {
  event.preventDefault()
  void changePassword()
})
again.addEventListener('submit', (event) => {
  event.preventDefault()
  void signInAgain()
})
again.querySelector('.secondary').addEventListener('click', () => dialog.close())
dialog.addEventListener('close', () => again.reset())

/** Changes the password. Who signed in too long ago is asked to do so again, and then it goes on. */
async function changePassword() {
  const { newPassword } = form.elements
  const answer = await whileBusy(form, () => call('POST', '/auth/password', { newPassword: newPassword.value }))
  if (!answer) return
  if (answer.code === 'RECENT_LOGIN_REQUIRED') return dialog.showModal()
  if (answer.error) {
    say(answer.error, 'error')
    return newPassword.focus()
  }
  form.reset()
  await showDevices()
  say(`Your password is changed.${answer.data.ended > 0 ? ' All your other devices are signed out.' : ''}`, 'success')
}

async function signInAgain() {
  const { email, password } = again.elements
  const place = again.querySelector('.message')
  say('', '', place)
  const credentials = { email: email.value, password: password.value }
  const answer = await whileBusy(again, () => call('POST', '/auth/login', credentials))
  if (!answer) return
  if (answer.error) {
    say(answer.status === 401 ? 'That is not your password.' : answer.error, 'error', place)
    return password.focus()
  }
  dialog.close()
  await changePassword()
}
