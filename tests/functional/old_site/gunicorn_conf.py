from pyramid_sio.compat import install_as_socketio

install_as_socketio()
