;;; emacs.el --- Emacs with docs/editors/stateline.el and the packed server  -*- lexical-binding: t -*-

;; emacs.test.ts names the server and a folder that is a small repository.

(require 'ert)
(require 'stateline)

(setq stateline-command (list (getenv "STATELINE_SERVER") "--stdio"))

(defconst emacs-test-folder (file-name-as-directory (getenv "STATELINE_FOLDER")))
(defconst emacs-test-longest-seconds 60)

(defmacro emacs-test-await (condition)
  "Wait until CONDITION holds, while messages and timers take their turn."
  `(with-timeout (emacs-test-longest-seconds (ert-fail '(never ,condition)))
     (while (not ,condition) (accept-process-output nil 0.05))))

(defmacro emacs-test-in (text &rest body)
  "Evaluate BODY in a file of the repository with TEXT, whose server is ready."
  (declare (indent 1))
  `(let ((buffer (find-file-noselect (concat emacs-test-folder "src/new.ts"))))
     (unwind-protect
         (save-window-excursion
           (switch-to-buffer buffer)
           (insert ,text)
           (stateline-mode)
           (emacs-test-await (equal (plist-get (stateline--status (stateline--server)) :state) "ready"))
           (emacs-test-await (stateline--live))
           ,@body)
       (with-current-buffer buffer (set-buffer-modified-p nil))
       (kill-buffer buffer))))

(defun emacs-test-type (keys)
  "Press KEYS."
  (execute-kbd-macro (kbd keys)))

(defun emacs-test-shown ()
  "The grey text, or nil."
  (and stateline--ghost (overlay-get stateline--ghost 'text)))

(defun emacs-test-counted (name)
  "How often the server counted NAME."
  (let ((days (plist-get (jsonrpc-request (stateline--server) :stateline/counts nil) :days)))
    (apply #'+ (mapcar (lambda (day) (plist-get day name)) days))))

(defconst emacs-test-import "import { createAccount0 } from \"./module0/file0.ts\";\n")

(ert-deftest emacs-test-typing-shows-and-tab-writes ()
  (emacs-test-in emacs-test-import
    (emacs-test-type "const SPC account SPC = SPC createAcc")
    (emacs-test-await (emacs-test-shown))
    (should (string-prefix-p "ount0" (emacs-test-shown)))
    (let ((before (emacs-test-counted :whole)))
      (emacs-test-type "TAB")
      (should-not (emacs-test-shown))
      (should (string-search "const account = createAccount0" (buffer-string)))
      (emacs-test-await (= (emacs-test-counted :whole) (1+ before))))))

(ert-deftest emacs-test-by-key-behind-characters-of-two-units ()
  (emacs-test-in (concat emacs-test-import "const face = \"\N{GRINNING FACE}\"; const account = createAcc")
    (emacs-test-type "C-c \\")
    (emacs-test-await (emacs-test-shown))
    (should (string-prefix-p "ount0" (emacs-test-shown)))))

(ert-deftest emacs-test-what-is-typed-along-stays ()
  (emacs-test-in (concat emacs-test-import "const account = createAcc")
    (emacs-test-type "C-c \\")
    (emacs-test-await (emacs-test-shown))
    (let ((text (emacs-test-shown)))
      (emacs-test-type "o")
      (should (equal (emacs-test-shown) (substring text 1)))
      (emacs-test-type "x")
      (should-not (emacs-test-shown)))))

(ert-deftest emacs-test-word-by-word ()
  (emacs-test-in (concat emacs-test-import "const account = createAcc")
    (emacs-test-type "C-c \\")
    (emacs-test-await (emacs-test-shown))
    (let ((before (emacs-test-counted :words)))
      (emacs-test-type "M-f")
      (should (string-suffix-p "createAccount0" (buffer-string)))
      (emacs-test-await (= (emacs-test-counted :words) (1+ before))))))

(ert-deftest emacs-test-nothing-is-left-of-a-dismissed-text ()
  (emacs-test-in (concat emacs-test-import "const account = createAcc")
    (emacs-test-type "C-c \\")
    (emacs-test-await (emacs-test-shown))
    (emacs-test-type "C-g")
    (should-not (emacs-test-shown))
    (should (string-suffix-p "createAcc" (buffer-string)))))

(ert-deftest emacs-test-closers-that-are-there-are-not-written-again ()
  (emacs-test-in (concat emacs-test-import "const account = createAccount0(store, )")
    (backward-char)
    (emacs-test-type "C-c \\")
    (emacs-test-await (emacs-test-shown))
    (emacs-test-type "TAB")
    (should (= (cl-count ?\( (buffer-string)) (cl-count ?\) (buffer-string))))))

(defun emacs-test-changed (text changes)
  "What TEXT is after the only one of CHANGES."
  (with-temp-buffer
    (insert text)
    (let* ((change (aref changes 0)) (range (plist-get change :range))
           (start (stateline--point (plist-get range :start))))
      (delete-region start (stateline--point (plist-get range :end)))
      (goto-char start)
      (insert (plist-get change :text))
      (buffer-string))))

(ert-deftest emacs-test-changes-arrive-as-they-were-made ()
  "The document at the other end, from random edits; a line end, two units and a raw byte among them."
  (let ((known "") (seed (format "%s" (random t))))
    (random seed)
    (ert-info ((format "seed %s" seed))
      (with-temp-buffer
        (insert "one\ntwo \N{GRINNING FACE} three\n")
        (setq known (buffer-string))
        (stateline--remember)
        (add-hook 'after-change-functions #'stateline--note nil t)
        (cl-letf (((symbol-function 'jsonrpc-notify)
                   (lambda (_server _method params)
                     (setq known (emacs-test-changed known (plist-get params :contentChanges))))))
          (dotimes (_ 300)
            (dotimes (_ (random 3))
              (goto-char (1+ (random (point-max))))
              (if (zerop (random 2))
                  (insert (nth (random 5) '("x" "\n" "\N{GRINNING FACE}y" "a\nb\n" "\x3fff80")))
                (delete-region (point) (min (point-max) (+ (point) (random 6))))))
            (when (zerop (random 4)) (narrow-to-region (1+ (random (point-max))) (point-max)))
            (stateline--send)
            (widen)
            (should (equal known (string-replace "\x3fff80" "\xfffd" (buffer-string))))))))))

(ert-deftest emacs-test-a-server-that-died-is-started-by-a-command ()
  ;; Longer than what fits between two processes: messages cross.
  (emacs-test-in (concat (apply #'concat (make-list 10000 "// A long document.\n")) emacs-test-import
                         "const account = createAcc")
    (delete-process (jsonrpc--process (stateline--server)))
    (emacs-test-await (not (stateline--live)))
    (should (equal (stateline--lighter) " Stateline:off"))
    (should-error (emacs-test-type "C-c \\") :type 'user-error)
    (stateline-restart)
    (emacs-test-await (stateline--live))
    (emacs-test-await (equal (stateline--lighter) " Stateline"))
    (should-not (get-buffer "*Warnings*"))
    (emacs-test-type "C-c \\")
    (emacs-test-await (emacs-test-shown))))

(ert-deftest emacs-test-a-program-that-is-not-there-is-named-once ()
  (with-temp-buffer
    (let ((stateline-command '("no-such-program")) (stateline--servers (make-hash-table :test #'equal))
          (inhibit-message t))
      (stateline--start)
      (stateline--start)
      (should-not (stateline--server))
      (with-current-buffer "*Messages*"
        (should (= 1 (count-matches "does not start: .*no-such-program" (point-min) (point-max))))))))

(provide 'emacs)
;;; emacs.el ends here
